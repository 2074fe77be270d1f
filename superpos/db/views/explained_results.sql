-- explained_results: one row per target matrix (controls too), predictor, kernel
-- place: 62
-- The ceiling is that of the matrix: a perfect predictor of what is estimated has this R^2 of the estimate.
SELECT {target axes},
  te.predictor, te.energy, te.s, te.kernel, te.softening, {measured target_explained},
  CASE WHEN d.activation_id IS NULL THEN 1.0 ELSE p.reliability END AS ceiling,
  te.r2 / NULLIF(CASE WHEN d.activation_id IS NULL THEN 1.0 ELSE p.reliability END, 0.0) AS r2_of_ceiling,
  te.r2_unique / NULLIF(CASE WHEN d.activation_id IS NULL THEN 1.0 ELSE p.reliability END, 0.0)
    AS unique_of_ceiling,
  te.version AS explained_version, p.key AS psm_key, t.key AS target_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  {target joins}
  JOIN target_explained te ON te.target_id = t.target_id
WHERE te.energy = '' OR (s.study_id, te.energy, te.s, te.softening) IN (
    SELECT k.study_id, k.energy, k.s, k.softening FROM study_kernels k
  )
