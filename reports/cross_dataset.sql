-- Best matches of the features target, for every feature set and layer.
SELECT model, revision, dataset, hookpoint, layer, n_features, target, replicate, similarity, kernel, s,
  n_dims, optimiser, sigma, distance_joint, distance_final, fit_key,
  pooling, method, "probe_C", split_seed, space, rbf_scale, gauge, importance_mode,
  joint_polish, backend, self_energy, softening,
  lambda_x, lambda_d, sigma_rule, config_key
FROM best_matches
WHERE study = :study AND model_weights <> 'random' AND target = 'features'
ORDER BY dataset, model, revision, hookpoint, similarity, kernel, layer, sigma, fit_key
