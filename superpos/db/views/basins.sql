-- basins: one row per joint fit, optimiser and sigma above 0: where its trials end
-- place: 95
-- The minimum beside the joint optimum is the end at sigma 0. An end returns to it where the matrices of both
-- are alike to 1e-4 (rms); rotations change none. Ends are one minimum where their energy agrees to 1e-9 (of
-- energies above 1: relatively), and their distances to the joint optimum and to the target to 1e-4 (rms).
-- Windows run over numbers alone; the axes are joined to what is left, which is fifty times less.
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
      ELSE f.distance_moved / {off diagonal}
      END AS rms_moved,
    f.rms_final
  FROM current_studies s
    JOIN blocks b ON b.study_id = s.study_id
    {stored cells}
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
SELECT {target axes}, {axes kernel joint},
  x.optimiser, x.lambda_x, x.sigma, x.sigma_rule, x.angle, x.n_ends, x.n_certified, x.n_strict, x.n_returned,
  x.share_returned, x.n_distinct, x.n_energies, x.n_deeper, x.gap_to_best, x.gap_to_bound,
  p.key AS psm_key, jf.key AS joint_key, t.key AS target_key,
  d.config_key || '.' || ja.config_key || '.' || x.fit_config AS config_key
FROM x
  JOIN current_studies s ON s.study_id = x.study_id
  {target joins}
  JOIN joint_fits jf ON jf.joint_id = x.joint_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
