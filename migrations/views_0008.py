"""SQL of the views of schema revision 0008, frozen; SQLite and PostgreSQL run the same text.

Written by `python -m tools.freeze_views 0008` from `superpos/db/views`, which has the reasons.
"""

from __future__ import annotations

VIEWS: dict[str, str] = {
    "block_dimensions": """
SELECT DISTINCT bj.block_id, ja.n_dims
FROM block_joint_axes bj
  JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id""",
    "current_studies": """
SELECT s.study_id, s.name, s.revision, s.digest, s.created_at
FROM studies s
WHERE s.revision = (SELECT MAX(o.revision) FROM studies o WHERE o.name = s.name)""",
    "model_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, m.source, m.hub_commit,
  m.distribution, m.quantization, m.family, m.n_layers,
  m.d_model, m.d_mlp, m.vocab_size, m.max_positions, m.file_digest, m.config_digest, m.weights_digest,
  m.tokenizer_digest, m.key AS model_key
FROM current_studies s
  JOIN study_models sm ON sm.study_id = s.study_id
  JOIN models m ON m.model_id = sm.model_id""",
    "fit_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  ja.energy, ja.s, ja.kernel, ja.self_energy, ja.softening, ja.gauge, ja.importance_mode, ja.joint_polish,
  ja.n_dims, ja.lambda_d, ja.restart, ja.backend, fa.optimiser, fa.lambda_x, fa.sigma, fa.sigma_rule,
  fa.trial,
  jf.distance AS distance_joint, f.distance_start, f.distance_final, f.distance_moved, f.distance_drift,
  f.distance_return, f.distance_simplex, f.distance_identity, f.distance_polish, f.recovery, f.angle,
  f.rms_final,
  CASE WHEN jf.distance < 1e-300 THEN 0.0
    ELSE jf.distance / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_joint,
  CASE WHEN f.distance_moved < 1e-300 THEN 0.0
    ELSE f.distance_moved / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_moved,
  CASE WHEN f.distance_drift < 1e-300 THEN 0.0
    ELSE f.distance_drift / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_drift,
  CASE WHEN f.distance_simplex < 1e-300 THEN 0.0
    ELSE f.distance_simplex / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_simplex,
  CASE WHEN f.distance_polish < 1e-300 THEN 0.0
    ELSE f.distance_polish / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_polish,
  jf.fun AS fun_joint, jf.energy AS energy_joint, f.energy_start, f.energy_final, f.energy_bound, f.fun,
  f.norm_error, f.nit, f.nfev, f.relative_gradient, f.min_eigenvalue, f.n_negative, f.n_zero, f.verdict,
  f.verdict_polished,
  f.energy_final - f.energy_bound AS energy_gap, jf.bound_method,
  jf.verdict AS verdict_joint, jf.status AS status_joint, f.status, f.seconds,
  p.key AS psm_key, jf.key AS joint_key, f.key AS fit_key, t.key AS target_key,
  d.config_key || '.' || ja.config_key || '.' || fa.config_key AS config_key
FROM fits f
  JOIN joint_fits jf ON jf.joint_id = f.joint_id
  JOIN targets t ON t.psm_id = jf.psm_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN block_targets x ON x.target_id = t.target_id
  JOIN blocks b ON b.block_id = x.block_id
  JOIN current_studies s ON s.study_id = b.study_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = f.fit_axes_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = ja.joint_axes_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id AND bf.fit_axes_id = fa.fit_axes_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id""",
    "basins": """
WITH ends AS (
  SELECT s.study_id, t.target_id, jf.joint_id, fa.optimiser, fa.lambda_x, fa.sigma, fa.sigma_rule,
    fa.config_key AS fit_config, fa.trial, f.angle,
    CASE WHEN f.verdict IN ('strict', 'degenerate') THEN 1 ELSE 0 END AS certified,
    CASE WHEN f.verdict = 'strict' THEN 1 ELSE 0 END AS strict,
    CASE WHEN f.verdict IN ('strict', 'degenerate') THEN f.energy_final END AS energy_end,
    CASE WHEN f.verdict IN ('strict', 'degenerate') THEN f.energy_final - f.energy_bound END AS gap_end,
    CASE WHEN ABS(f.energy_final) > 1.0 THEN 1e-9 * ABS(f.energy_final) ELSE 1e-9 END AS slack,
    CASE WHEN f.distance_return < 1e-150 THEN 0.0
      ELSE f.distance_return * f.distance_return / (p.n_features * (p.n_features - 1)) END AS return_squared,
    CASE WHEN f.distance_moved < 1e-300 THEN 0.0
      ELSE f.distance_moved / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
      END AS rms_moved,
    f.rms_final
  FROM current_studies s
    JOIN blocks b ON b.study_id = s.study_id
    JOIN block_targets bt ON bt.block_id = b.block_id
    JOIN block_joint_axes bj ON bj.block_id = b.block_id
    JOIN block_fit_axes bf ON bf.block_id = b.block_id
    JOIN targets t ON t.target_id = bt.target_id
    JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
    JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id
    JOIN psms p ON p.psm_id = t.psm_id
    JOIN fit_axes fa ON fa.fit_axes_id = bf.fit_axes_id
), steps AS (
  SELECT e.*,
    CASE WHEN e.energy_end - LAG(e.energy_end) OVER by_energy <= e.slack THEN 0 ELSE 1 END AS energy_step,
    CASE WHEN e.rms_moved - LAG(e.rms_moved) OVER by_moved <= 1e-4 THEN 0 ELSE 1 END AS moved_step,
    CASE WHEN e.rms_final - LAG(e.rms_final) OVER by_final <= 1e-4 THEN 0 ELSE 1 END AS final_step,
    MIN(e.energy_end) OVER of_joint AS energy_least,
    MAX(CASE WHEN e.sigma = 0.0 THEN e.energy_end END) OVER of_joint AS energy_near,
    MAX(CASE WHEN e.sigma = 0.0 THEN e.gap_end END) OVER of_joint AS gap_near
  FROM ends e
  WINDOW of_joint AS (PARTITION BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x,
      e.fit_config),
    by_energy AS (PARTITION BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x,
      e.fit_config, e.sigma, e.sigma_rule, e.certified ORDER BY e.energy_end, e.trial),
    by_moved AS (PARTITION BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x,
      e.fit_config, e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_moved, e.trial),
    by_final AS (PARTITION BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x,
      e.fit_config, e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_final, e.trial)
), places AS (
  SELECT e.*, SUM(e.energy_step) OVER by_energy AS energy_place,
    CAST(SUM(e.energy_step) OVER by_energy AS VARCHAR(20)) || '.'
      || CAST(SUM(e.moved_step) OVER by_moved AS VARCHAR(20)) || '.'
      || CAST(SUM(e.final_step) OVER by_final AS VARCHAR(20)) AS minimum
  FROM steps e
  WINDOW by_energy AS (PARTITION BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x,
      e.fit_config, e.sigma, e.sigma_rule, e.certified ORDER BY e.energy_end, e.trial),
    by_moved AS (PARTITION BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x,
      e.fit_config, e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_moved, e.trial),
    by_final AS (PARTITION BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x,
      e.fit_config, e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_final, e.trial)
), x AS (
  SELECT e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x, e.fit_config, e.sigma, e.sigma_rule,
    AVG(e.angle) AS angle,
    COUNT(*) AS n_ends, SUM(e.certified) AS n_certified, SUM(e.strict) AS n_strict,
    SUM(CASE WHEN e.certified = 1 AND e.energy_near IS NOT NULL AND e.return_squared <= 1e-8
      THEN 1 ELSE 0 END) AS n_returned,
    CASE WHEN e.energy_near IS NOT NULL AND SUM(e.certified) > 0
      THEN SUM(CASE WHEN e.certified = 1 AND e.return_squared <= 1e-8 THEN 1.0 ELSE 0.0 END)
        / SUM(e.certified)
      END AS share_returned,
    COUNT(DISTINCT CASE WHEN e.certified = 1 THEN e.minimum END) AS n_distinct,
    COUNT(DISTINCT CASE WHEN e.certified = 1 THEN e.energy_place END) AS n_energies,
    SUM(CASE WHEN e.certified = 1 AND e.energy_end < e.energy_near - e.slack THEN 1 ELSE 0 END) AS n_deeper,
    e.energy_near - e.energy_least AS gap_to_best, e.gap_near AS gap_to_bound
  FROM places e
  WHERE e.sigma > 0.0
  GROUP BY e.study_id, e.target_id, e.joint_id, e.optimiser, e.lambda_x, e.fit_config, e.sigma, e.sigma_rule,
    e.energy_near, e.energy_least, e.gap_near
)
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved, ja.energy, ja.s, ja.kernel, ja.self_energy, ja.softening, ja.gauge,
  ja.importance_mode, ja.joint_polish, ja.n_dims, ja.lambda_d, ja.restart, ja.backend,
  x.optimiser, x.lambda_x, x.sigma, x.sigma_rule, x.angle, x.n_ends, x.n_certified, x.n_strict, x.n_returned,
  x.share_returned, x.n_distinct, x.n_energies, x.n_deeper, x.gap_to_best, x.gap_to_bound,
  p.key AS psm_key, jf.key AS joint_key, t.key AS target_key,
  d.config_key || '.' || ja.config_key || '.' || x.fit_config AS config_key
FROM x
  JOIN current_studies s ON s.study_id = x.study_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN joint_fits jf ON jf.joint_id = x.joint_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id""",
    "best_matches": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  ja.energy, ja.s, ja.kernel, ja.self_energy, ja.softening, ja.gauge, ja.importance_mode, ja.joint_polish,
  ja.n_dims, ja.lambda_d, ja.restart, ja.backend, fa.optimiser, fa.lambda_x, fa.sigma, fa.sigma_rule,
  fa.trial,
  jf.distance AS distance_joint, f.distance_start, f.distance_final, f.distance_moved, f.distance_drift,
  f.distance_return, f.distance_simplex, f.distance_identity, f.distance_polish, f.recovery, f.angle,
  f.rms_final,
  CASE WHEN jf.distance < 1e-300 THEN 0.0
    ELSE jf.distance / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_joint,
  CASE WHEN f.distance_moved < 1e-300 THEN 0.0
    ELSE f.distance_moved / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_moved,
  CASE WHEN f.distance_drift < 1e-300 THEN 0.0
    ELSE f.distance_drift / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_drift,
  CASE WHEN f.distance_simplex < 1e-300 THEN 0.0
    ELSE f.distance_simplex / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_simplex,
  CASE WHEN f.distance_polish < 1e-300 THEN 0.0
    ELSE f.distance_polish / SQRT(CAST(p.n_features * (p.n_features - 1) AS DOUBLE PRECISION))
    END AS rms_polish,
  jf.fun AS fun_joint, jf.energy AS energy_joint, f.energy_start, f.energy_final, f.energy_bound, f.fun,
  f.norm_error, f.nit, f.nfev, f.relative_gradient, f.min_eigenvalue, f.n_negative, f.n_zero, f.verdict,
  f.verdict_polished,
  f.energy_final - f.energy_bound AS energy_gap, jf.bound_method,
  jf.verdict AS verdict_joint, jf.status AS status_joint, f.status, f.seconds,
  x.n_cells, x.n_usable,
  p.key AS psm_key, jf.key AS joint_key, f.key AS fit_key, t.key AS target_key,
  d.config_key || '.' || ja.config_key || '.' || fa.config_key AS config_key
FROM fits f
  JOIN best_match x ON x.joint_id = f.joint_id AND x.fit_axes_id = f.fit_axes_id
  JOIN current_studies s ON s.study_id = x.study_id
  JOIN joint_fits jf ON jf.joint_id = x.joint_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = x.fit_axes_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id""",
    "layer_similarity": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved, d.layer AS layer_a, dl.layer AS layer_b, lp.spearman, lp.p_value, lp.n_permutations,
  d.config_key,
  p.key AS psm_key, pl.key AS psm_key_b
FROM current_studies s
  JOIN layer_pairs lp ON lp.study_id = s.study_id
  JOIN targets x ON x.target_id = lp.target_a
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN targets tl ON tl.target_id = lp.target_b
  JOIN psms pl ON pl.psm_id = tl.psm_id
  JOIN direction_sets dl ON dl.direction_id = tl.direction_id""",
    "answers": """
SELECT s.name AS study, a.question, a.model, a.revision, a.dataset, a.hookpoint, a.pooling, a.method,
  a.similarity, a.optimiser, a.control, a.estimate, a.low, a.high, a.estimate_low, a.estimate_high,
  a.n_bootstraps, a.unit, a.n_cells, a.n_independent, a.p_value, a.p_adjusted, a.p_smallest, a.n_tests,
  a.family, a.level, a.margin, a.p_absent, a.strength, a.sentence
FROM current_studies s
  JOIN study_answers a ON a.study_id = s.study_id""",
    "dataset_features": """
SELECT s.name AS study, sd.name AS dataset, sd.corpus, ds.builder, ds.n_documents, ds.n_sequences,
  ds.n_tokens, ds.n_samples, fe.feature_index, fe.feature, fe.n_positive,
  fe.n_negative, fe.status, fe.duplicate_of, fe.example, ds.key AS dataset_key
FROM current_studies s
  JOIN study_datasets sd ON sd.study_id = s.study_id
  JOIN datasets ds ON ds.dataset_id = sd.dataset_id
  JOIN features fe ON fe.dataset_id = ds.dataset_id""",
    "study_activations": """
SELECT s.study_id, a.activation_id
FROM studies s
  CROSS JOIN activation_sets a
WHERE EXISTS (
    SELECT 1
    FROM direction_sets d
      JOIN targets t ON t.direction_id = d.direction_id
      JOIN block_targets bt ON bt.target_id = t.target_id
      JOIN blocks b ON b.block_id = bt.block_id
    WHERE d.activation_id = a.activation_id AND b.study_id = s.study_id
  )""",
    "activation_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, a.hookpoint, a.layer, a.pooling, COALESCE(a.d_hook, 0) AS d_hook,
  a.dtype, a.n_rows, a.n_constant, a.agreement, a.status, a.reason, a.key AS activation_key
FROM current_studies s
  JOIN study_activations x ON x.study_id = s.study_id
  JOIN activation_sets a ON a.activation_id = x.activation_id
  JOIN models m ON m.model_id = a.model_id
  JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = a.model_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = a.dataset_id""",
    "study_dimensions": """
SELECT DISTINCT b.study_id, t.psm_id, nd.n_dims
FROM blocks b
  JOIN block_dimensions nd ON nd.block_id = b.block_id
  JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
WHERE t.psm_id IS NOT NULL""",
    "study_directions": """
SELECT s.study_id, d.direction_id
FROM studies s
  CROSS JOIN direction_sets d
WHERE EXISTS (
    SELECT 1
    FROM targets t
      JOIN block_targets bt ON bt.target_id = t.target_id
      JOIN blocks b ON b.block_id = bt.block_id
    WHERE t.direction_id = d.direction_id AND b.study_id = s.study_id
  )""",
    "probe_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, d.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, 'none' AS space, d.label_replicate, d.label_permutation,
  d.permutation_note, pr.feature,
  pr.n_train, pr.n_test, pr.n_positive, pr.accuracy, pr.balanced_accuracy, pr.f1, pr.mcc, pr.roc_auc,
  pr.average_precision, pr.norm, pr.nit, pr."C", pr.status, pr.key AS probe_key, d.key AS direction_key,
  d.config_key
FROM current_studies s
  JOIN study_directions x ON x.study_id = s.study_id
  JOIN direction_sets d ON d.direction_id = x.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN probes pr ON pr.direction_id = d.direction_id""",
    "study_kernels": """
SELECT DISTINCT b.study_id, ja.energy, ja.s, ja.softening
FROM blocks b
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id""",
    "study_targets": """
SELECT b.study_id, bt.target_id
FROM blocks b
  JOIN block_targets bt ON bt.block_id = b.block_id
WHERE NOT EXISTS (
    SELECT 1
    FROM block_targets ot
      JOIN blocks ob ON ob.block_id = ot.block_id
    WHERE ot.target_id = bt.target_id AND ot.block_id < bt.block_id AND ob.study_id = b.study_id
  )""",
    "psm_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  p.value_q25, p.value_median, p.value_q75, p.exponent_q25, p.exponent_median, p.exponent_q75,
  p.min_eigenvalue, p.rank, p.warning, p.reliability, p.n_resamples, p.ceiling_method, p.n_unknown,
  d.label_permutation, p.key AS psm_key, t.key AS target_key, d.key AS direction_key,
  d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id""",
    "psm_pairs": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  ra.feature AS feature_a, rb.feature AS feature_b, e.value, e.value_low, e.value_high, e.standard_error,
  p.key AS psm_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN psm_entries e ON e.psm_id = p.psm_id
  CROSS JOIN direction_rows ra
  CROSS JOIN direction_rows rb
WHERE ra.direction_id = d.direction_id AND ra.row_index = e.row_a
  AND rb.direction_id = d.direction_id AND rb.row_index = e.row_b AND t.kind = 'features'""",
    "near_copies": """
SELECT q.study, q.model, q.revision, q.model_weights, q.model_seed, q.dataset, q.corpus, q.hookpoint,
  q.pooling, q.method, q."probe_C", q.split_seed, q.space, q.feature_a, q.feature_b,
  q.config_key, COUNT(*) AS n_layers, MIN(q.value) AS value_min, MAX(q.value) AS value_max
FROM psm_pairs q
WHERE q.similarity = 'cosine'
GROUP BY q.study, q.model, q.revision, q.model_weights, q.model_seed, q.dataset, q.corpus, q.hookpoint,
  q.pooling, q.method, q."probe_C", q.split_seed, q.space, q.feature_a, q.feature_b,
  q.config_key
HAVING MIN(ABS(q.value)) > 0.999""",
    "geometry_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  pm.measure, pm.energy, pm.s, pm.kernel, pm.softening, pm.n_dims, pm.value, pm.bound, pm.value_scaled,
  pm.value_low, pm.value_high, pm.n_bootstraps,
  COALESCE(gt.control, '') AS control, gt.p_value, gt.p_smallest,
  COALESCE(gt.n_replicates, 0) AS n_replicates,
  pm.version AS measure_version, p.key AS psm_key, t.key AS target_key,
  d.key AS direction_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN psm_measures pm ON pm.psm_id = p.psm_id
  LEFT JOIN measure_tests gt ON gt.study_id = s.study_id AND gt.target_id = t.target_id
    AND gt.measure = pm.measure AND gt.energy = pm.energy AND gt.s = pm.s
    AND gt.softening = pm.softening AND gt.n_dims = pm.n_dims AND gt.is_first = 1
WHERE (pm.energy = '' OR (s.study_id, pm.energy, pm.s, pm.softening) IN (
    SELECT k.study_id, k.energy, k.s, k.softening FROM study_kernels k
  )) AND (pm.n_dims = 0 OR EXISTS (
    SELECT 1
    FROM targets o
      JOIN block_targets ot ON ot.target_id = o.target_id
      JOIN blocks ob ON ob.block_id = ot.block_id
    WHERE o.psm_id = pm.psm_id AND ob.study_id = s.study_id
      AND (ob.block_id, pm.n_dims) IN (SELECT nd.block_id, nd.n_dims FROM block_dimensions nd)
  ))""",
    "geometry_tests": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  pm.measure, pm.energy, pm.s, pm.kernel, pm.softening, pm.n_dims, gt.control, pm.value, pm.bound,
  pm.value_scaled, pm.value_low, pm.value_high, pm.n_bootstraps,
  gt.estimate, gt.p_value, gt.p_smallest, gt.n_replicates, p.key AS psm_key, t.key AS target_key,
  d.key AS direction_key, d.config_key
FROM current_studies s
  JOIN measure_tests gt ON gt.study_id = s.study_id
  JOIN study_targets x ON x.study_id = s.study_id AND x.target_id = gt.target_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN psm_measures pm ON pm.psm_id = p.psm_id AND pm.measure = gt.measure AND pm.energy = gt.energy
    AND pm.s = gt.s AND pm.softening = gt.softening AND pm.n_dims = gt.n_dims""",
    "explained_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  te.predictor, te.energy, te.s, te.kernel, te.softening, te.correlation, te.r2, te.r2_chance, te.r2_unique,
  te.r2_common, te.r2_model, te.partial, te.p_value, te.p_smallest, te.n_permutations, te.p_unique,
  te.p_unique_smallest, te.n_permutations_unique, te.beside, te.list_order, te.reason,
  CASE WHEN d.activation_id IS NULL THEN 1.0 ELSE p.reliability END AS ceiling,
  te.r2 / NULLIF(CASE WHEN d.activation_id IS NULL THEN 1.0 ELSE p.reliability END, 0.0) AS r2_of_ceiling,
  te.r2_unique / NULLIF(CASE WHEN d.activation_id IS NULL THEN 1.0 ELSE p.reliability END, 0.0)
    AS unique_of_ceiling,
  te.version AS explained_version, p.key AS psm_key, t.key AS target_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN target_explained te ON te.target_id = t.target_id
WHERE te.energy = '' OR (s.study_id, te.energy, te.s, te.softening) IN (
    SELECT k.study_id, k.energy, k.s, k.softening FROM study_kernels k
  )""",
    "feature_dimensionality": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  r.feature, tf.dimensionality, tf.dimensionality_norms, p.key AS psm_key, t.key AS target_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN target_features tf ON tf.target_id = t.target_id
  JOIN direction_rows r ON r.direction_id = d.direction_id AND r.row_index = tf.row_index""",
    "joint_results": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  ja.energy, ja.s, ja.kernel, ja.self_energy, ja.softening, ja.gauge, ja.importance_mode, ja.joint_polish,
  ja.n_dims, ja.lambda_d, ja.restart, ja.backend,
  jf.fun, jf.fun_cg, jf.energy AS energy_joint, jf.energy_bound, jf.bound_method, jf.mismatch, jf.distance,
  jf.nit, jf.nfev, jf.njev, jf.nit_polish, jf.gradient_norm, jf.importance_entropy, jf.norm_min,
  jf.norm_max, jf.start_radius, jf.energy - jf.energy_bound AS energy_gap,
  p.min_eigenvalue AS target_min_eigenvalue, jf.verdict AS verdict_joint, jf.status,
  jf.message, jf.seconds, p.key AS psm_key, jf.key AS joint_key, t.key AS target_key,
  d.config_key || '.' || ja.config_key AS config_key
FROM joint_fits jf
  JOIN targets t ON t.psm_id = jf.psm_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN study_targets x ON x.target_id = t.target_id
  JOIN current_studies s ON s.study_id = x.study_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
WHERE EXISTS (
    SELECT 1
    FROM block_targets bt
      JOIN blocks b ON b.block_id = bt.block_id
      JOIN block_joint_axes bj ON bj.block_id = bt.block_id
    WHERE bt.target_id = t.target_id AND b.study_id = s.study_id AND bj.joint_axes_id = jf.joint_axes_id
  )""",
    "fit_weights": """
SELECT s.name AS study, COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,
  COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed, sd.name AS dataset,
  sd.corpus, d.hookpoint, d.layer, d.pooling, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
  d.method, d."probe_C", d.split_seed, t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale,
  p.rbf_scale_resolved,
  ja.energy, ja.s, ja.kernel, ja.self_energy, ja.softening, ja.gauge, ja.importance_mode, ja.joint_polish,
  ja.n_dims, ja.lambda_d, ja.restart, ja.backend,
  dr.feature, i.logit, i.weight, p.key AS psm_key, jf.key AS joint_key,
  d.config_key || '.' || ja.config_key AS config_key
FROM joint_fits jf
  JOIN targets t ON t.psm_id = jf.psm_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN study_targets x ON x.target_id = t.target_id
  JOIN current_studies s ON s.study_id = x.study_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
  JOIN importance i ON i.joint_id = jf.joint_id
  CROSS JOIN direction_rows dr
WHERE dr.direction_id = d.direction_id AND dr.row_index = i.row_index
  AND EXISTS (
      SELECT 1
      FROM block_targets bt
        JOIN blocks b ON b.block_id = bt.block_id
        JOIN block_joint_axes bj ON bj.block_id = bt.block_id
      WHERE bt.target_id = t.target_id AND b.study_id = s.study_id AND bj.joint_axes_id = jf.joint_axes_id
    )""",
    "stage_rows": """
SELECT x.study_id, 'datasets' AS stage, r.key,
  CASE WHEN r.status = 'done' THEN 1 ELSE 0 END AS made,
  CASE WHEN r.status = 'not_applicable' THEN 1 ELSE 0 END AS refused
FROM study_datasets x
  JOIN datasets r ON r.dataset_id = x.dataset_id
UNION ALL
SELECT x.study_id, 'activations', r.key,
  CASE WHEN r.status = 'done' THEN 1 ELSE 0 END,
  CASE WHEN r.status = 'not_applicable' THEN 1 ELSE 0 END
FROM study_activations x
  JOIN activation_sets r ON r.activation_id = x.activation_id
UNION ALL
SELECT x.study_id, 'probes', r.key,
  CASE WHEN LENGTH(r.coef_raw) > 0 THEN 1 WHEN r.status = 'done' THEN 1 ELSE 0 END,
  CASE WHEN LENGTH(r.coef_raw) > 0 THEN 0 WHEN r.status = 'not_applicable' THEN 1 ELSE 0 END
FROM study_directions x
  JOIN direction_sets r ON r.direction_id = x.direction_id
UNION ALL
SELECT x.study_id, 'psms', r.key,
  CASE WHEN r.status = 'done' THEN 1 ELSE 0 END,
  CASE WHEN r.status = 'not_applicable' THEN 1 ELSE 0 END
FROM study_targets x
  JOIN targets r ON r.target_id = x.target_id
UNION ALL
-- on request: a row a probe set
SELECT x.study_id, 'whitening', r.key,
  CASE WHEN LENGTH(r.coef_whitened) > 0 THEN 1 ELSE 0 END,
  CASE WHEN LENGTH(r.coef_raw) > 0 THEN 0 WHEN r.status = 'not_applicable' THEN 1 ELSE 0 END
FROM (
    SELECT DISTINCT st.study_id, t.direction_id
    FROM study_targets st
      JOIN targets t ON t.target_id = st.target_id
    WHERE t.space = 'whitened'
  ) x
  JOIN direction_sets r ON r.direction_id = x.direction_id
UNION ALL
-- on request: a row a target of the features; only the newest revision of a study says how many resamples
SELECT x.study_id, 'ceilings', d.key,
  CASE WHEN p.n_resamples >= s.noise_ceiling AND p.ceiling_method = 'bias_t'
    AND EXISTS (SELECT 1 FROM psm_resamples r WHERE r.psm_id = p.psm_id) THEN 1 ELSE 0 END,
  CASE WHEN t.status = 'not_applicable' THEN 1 ELSE 0 END
FROM current_studies c
  JOIN studies s ON s.study_id = c.study_id
  JOIN study_targets x ON x.study_id = s.study_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  LEFT JOIN psms p ON p.psm_id = t.psm_id
WHERE s.noise_ceiling > 0 AND t.kind = 'features' AND d.activation_id IS NOT NULL
  AND d.label_replicate = -1""",
    "study_progress": """
WITH stored AS (
  SELECT b.study_id, COUNT(*) AS n_fits
  FROM current_studies c
    JOIN blocks b ON b.study_id = c.study_id
    JOIN block_targets bt ON bt.block_id = b.block_id
    JOIN block_joint_axes bj ON bj.block_id = b.block_id
    JOIN block_fit_axes bf ON bf.block_id = b.block_id
    JOIN targets t ON t.target_id = bt.target_id
    JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
    JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id
  GROUP BY b.study_id
)
SELECT s.name AS study, q.stage, CAST(SUM(q.planned) AS BIGINT) AS planned,
  CAST(SUM(q.done) AS BIGINT) AS done, CAST(SUM(q.failed) AS BIGINT) AS failed,
  CAST(SUM(q.quarantined) AS BIGINT) AS quarantined, CAST(SUM(q.not_applicable) AS BIGINT) AS not_applicable
FROM current_studies s
  JOIN (
    SELECT r.study_id, r.stage, COUNT(*) AS planned, SUM(r.made) AS done,
      SUM(COALESCE(1 - cf.quarantined, 0)) AS failed, SUM(COALESCE(cf.quarantined, 0)) AS quarantined,
      SUM(r.refused) AS not_applicable
    FROM stage_rows r
      LEFT JOIN cell_failures cf ON cf.stage = r.stage AND cf.key = r.key
        AND (r.made = 0 OR r.stage NOT IN ('whitening', 'ceilings'))
    GROUP BY r.study_id, r.stage
    UNION ALL
    -- cells that the blocks ask for
    SELECT b.study_id, 'fits',
      SUM((SELECT COUNT(*) FROM block_targets bt WHERE bt.block_id = b.block_id)
        * (SELECT COUNT(*) FROM block_joint_axes bj WHERE bj.block_id = b.block_id)
        * (SELECT COUNT(*) FROM block_fit_axes bf WHERE bf.block_id = b.block_id)), 0, 0, 0, 0
    FROM current_studies c
      JOIN blocks b ON b.study_id = c.study_id
    GROUP BY b.study_id
    UNION ALL
    -- those that are stored
    SELECT stored.study_id, 'fits', 0, stored.n_fits, 0, 0, 0
    FROM stored
    UNION ALL
    -- those of targets without a matrix
    SELECT b.study_id, 'fits', 0, 0, 0, 0,
      SUM((SELECT COUNT(*) FROM block_joint_axes bj WHERE bj.block_id = b.block_id)
        * (SELECT COUNT(*) FROM block_fit_axes bf WHERE bf.block_id = b.block_id))
    FROM current_studies c
      JOIN blocks b ON b.study_id = c.study_id
      JOIN block_targets bt ON bt.block_id = b.block_id
      JOIN targets t ON t.target_id = bt.target_id
    WHERE t.status = 'not_applicable'
    GROUP BY b.study_id
    UNION ALL
    -- those that failed: their key is that of the matrix, of the joint axes and of the fit axes
    SELECT b.study_id, 'fits', 0, 0, SUM(1 - cf.quarantined), SUM(cf.quarantined), 0
    FROM cell_failures cf
      JOIN psms p ON p.key = SUBSTR(cf.key, 1, 32)
      JOIN joint_axes ja ON ja.key = SUBSTR(cf.key, 34, 32)
      JOIN fit_axes fa ON fa.key = SUBSTR(cf.key, 67, 32)
      JOIN targets t ON t.psm_id = p.psm_id
      JOIN block_targets bt ON bt.target_id = t.target_id
      JOIN blocks b ON b.block_id = bt.block_id
      JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = ja.joint_axes_id
      JOIN block_fit_axes bf ON bf.block_id = b.block_id AND bf.fit_axes_id = fa.fit_axes_id
    WHERE cf.stage = 'fits'
    GROUP BY b.study_id
    UNION ALL
    -- an analysis is done when it has read every matrix and every fit that is stored
    SELECT c.study_id, 'analysis', 1,
      CASE WHEN a.n_results > 0 AND a.n_results = (
          SELECT COUNT(*)
          FROM study_targets x
            JOIN targets t ON t.target_id = x.target_id
          WHERE x.study_id = c.study_id AND t.psm_id IS NOT NULL
        ) + COALESCE((SELECT stored.n_fits FROM stored WHERE stored.study_id = c.study_id), 0)
        THEN 1 ELSE 0 END, 0, 0,
      CASE WHEN EXISTS (
          SELECT 1
          FROM study_targets x
            JOIN targets t ON t.target_id = x.target_id
          WHERE x.study_id = c.study_id AND t.status <> 'not_applicable'
        ) THEN 0 ELSE 1 END
    FROM current_studies c
      LEFT JOIN analyses a ON a.study_id = c.study_id
  ) q ON q.study_id = s.study_id
GROUP BY s.name, q.stage""",
}
"""Name to SELECT, in the order in which they can be created."""


def create_all() -> list[str]:
    """Return the statements that create the views."""
    return [f"CREATE VIEW {name} AS{text}" for name, text in VIEWS.items()]


def drop_all() -> list[str]:
    """Return the statements that drop the views, dependants first."""
    return [f"DROP VIEW {name}" for name in reversed(VIEWS)]
