-- Best matches over the perturbation, for features and controls.
SELECT model, revision, dataset, hookpoint, layer, n_features, target, replicate, similarity, kernel, s,
  n_dims, optimiser, sigma, distance_joint, distance_start, distance_final, distance_moved, distance_drift, distance_return,
  distance_simplex, distance_identity, recovery, fit_key,
  pooling, method, "probe_C", split_seed, space, rbf_scale, gauge, importance_mode, joint_polish, backend, self_energy, softening,
  lambda_x, lambda_d, sigma_rule, config_key
FROM best_matches
WHERE study = :study AND model_weights <> 'random'
ORDER BY dataset, model, revision, hookpoint, similarity, kernel, target, replicate, layer, sigma, fit_key
