-- Best matches of every layer, for features and controls, by every optimiser.
-- Settings are selected so that the script can keep one within each set.
SELECT model, revision, dataset, hookpoint, layer, n_features, target, replicate, similarity, kernel, s,
  n_dims, optimiser, sigma, distance_joint, distance_final, rms_final, distance_moved, distance_simplex, verdict, status, fit_key,
  pooling, method, "probe_C", split_seed, space, rbf_scale, gauge, importance_mode,
  joint_polish, backend, self_energy, softening,
  lambda_x, lambda_d, sigma_rule, config_key
FROM best_matches
WHERE study = :study AND model_weights <> 'random'
ORDER BY dataset, model, revision, hookpoint, similarity, kernel, target, replicate, layer, sigma, fit_key
