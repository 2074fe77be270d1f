-- Best matches of every layer, for features and controls; settings are selected so that the script can keep one.
SELECT model, revision, dataset, layer, n_features, target, replicate, similarity, kernel, s, n_dims, optimiser,
  sigma, distance_joint, distance_final, distance_moved, distance_simplex, verdict, status, fit_key,
  pooling, method, "probe_C", split_seed, space, rbf_scale, gauge, importance_mode, joint_polish, backend, self_energy, softening,
  lambda_x, lambda_d, sigma_rule, config_key
FROM best_matches
WHERE study = :study AND model_weights = 'pretrained' AND optimiser = 'powell'
ORDER BY dataset, similarity, kernel, target, replicate, layer, sigma, fit_key
