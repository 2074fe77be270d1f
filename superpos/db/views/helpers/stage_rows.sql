-- stage_rows: one row per study, stage and row that the stage has to make; cells of fits are counted instead
-- `made` and `refused` are 0 or 1; failures of `whitening` and `ceilings` are those of the probe set.
-- Directions that are done have vectors, whose length SQLite knows without reading them. What stands behind them
-- in a row, its status, it finds by reading them all.
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
  AND d.label_replicate = -1
