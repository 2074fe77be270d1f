-- basins: one row per joint fit, optimiser and sigma above 0: where its trials end
-- place: 95
-- The minimum beside the joint optimum is the end at sigma 0. An end returns to it where the matrices of both
-- are alike to 1e-4 (rms); rotations change none. Ends are one minimum where their energy agrees to 1e-9 (of
-- energies above 1: relatively), and their distances to the joint optimum and to the target to 1e-4 (rms).
WITH ends AS (
  SELECT {axes q. study model dataset activations}, q.n_features, q.d_hook, {axes q. directions target},
    {axes q. kernel joint}, q.optimiser, q.lambda_x, q.sigma, q.sigma_rule, q.trial, q.angle,
    CASE WHEN q.verdict IN ('strict', 'degenerate') THEN 1 ELSE 0 END AS certified,
    CASE WHEN q.verdict = 'strict' THEN 1 ELSE 0 END AS strict,
    CASE WHEN q.verdict IN ('strict', 'degenerate') THEN q.energy_final END AS energy_end,
    CASE WHEN q.verdict IN ('strict', 'degenerate') THEN q.energy_gap END AS gap_end,
    CASE WHEN ABS(q.energy_final) > 1.0 THEN 1e-9 * ABS(q.energy_final) ELSE 1e-9 END AS slack,
    q.distance_return * q.distance_return / (q.n_features * (q.n_features - 1)) AS return_squared,
    q.rms_moved, q.rms_final, q.psm_key, q.joint_key, q.target_key, q.config_key
  FROM fit_results q
), steps AS (
  SELECT e.*,
    CASE WHEN e.energy_end - LAG(e.energy_end) OVER by_energy <= e.slack THEN 0 ELSE 1 END AS energy_step,
    CASE WHEN e.rms_moved - LAG(e.rms_moved) OVER by_moved <= 1e-4 THEN 0 ELSE 1 END AS moved_step,
    CASE WHEN e.rms_final - LAG(e.rms_final) OVER by_final <= 1e-4 THEN 0 ELSE 1 END AS final_step,
    MIN(e.energy_end) OVER of_joint AS energy_least,
    MAX(CASE WHEN e.sigma = 0.0 THEN e.energy_end END) OVER of_joint AS energy_near,
    MAX(CASE WHEN e.sigma = 0.0 THEN e.gap_end END) OVER of_joint AS gap_near
  FROM ends e
  WINDOW of_joint AS (PARTITION BY e.study, e.target_key, e.joint_key, e.optimiser, e.lambda_x, e.config_key),
    by_energy AS (PARTITION BY e.study, e.target_key, e.joint_key, e.optimiser, e.lambda_x, e.config_key,
      e.sigma, e.sigma_rule, e.certified ORDER BY e.energy_end, e.trial),
    by_moved AS (PARTITION BY e.study, e.target_key, e.joint_key, e.optimiser, e.lambda_x, e.config_key,
      e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_moved, e.trial),
    by_final AS (PARTITION BY e.study, e.target_key, e.joint_key, e.optimiser, e.lambda_x, e.config_key,
      e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_final, e.trial)
), e AS (
  SELECT e.*, SUM(e.energy_step) OVER by_energy AS energy_place,
    CAST(SUM(e.energy_step) OVER by_energy AS VARCHAR(20)) || '.'
      || CAST(SUM(e.moved_step) OVER by_moved AS VARCHAR(20)) || '.'
      || CAST(SUM(e.final_step) OVER by_final AS VARCHAR(20)) AS minimum
  FROM steps e
  WINDOW by_energy AS (PARTITION BY e.study, e.target_key, e.joint_key, e.optimiser, e.lambda_x, e.config_key,
      e.sigma, e.sigma_rule, e.certified ORDER BY e.energy_end, e.trial),
    by_moved AS (PARTITION BY e.study, e.target_key, e.joint_key, e.optimiser, e.lambda_x, e.config_key,
      e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_moved, e.trial),
    by_final AS (PARTITION BY e.study, e.target_key, e.joint_key, e.optimiser, e.lambda_x, e.config_key,
      e.sigma, e.sigma_rule, e.certified ORDER BY e.rms_final, e.trial)
)
SELECT {axes e. study model dataset activations}, e.n_features, e.d_hook, {axes e. directions target},
  {axes e. kernel joint}, e.optimiser, e.lambda_x, e.sigma, e.sigma_rule, AVG(e.angle) AS angle,
  COUNT(*) AS n_ends, SUM(e.certified) AS n_certified, SUM(e.strict) AS n_strict,
  SUM(CASE WHEN e.certified = 1 AND e.energy_near IS NOT NULL AND e.return_squared <= 1e-8
    THEN 1 ELSE 0 END) AS n_returned,
  CASE WHEN e.energy_near IS NOT NULL AND SUM(e.certified) > 0
    THEN SUM(CASE WHEN e.certified = 1 AND e.return_squared <= 1e-8 THEN 1.0 ELSE 0.0 END) / SUM(e.certified)
    END AS share_returned,
  COUNT(DISTINCT CASE WHEN e.certified = 1 THEN e.minimum END) AS n_distinct,
  COUNT(DISTINCT CASE WHEN e.certified = 1 THEN e.energy_place END) AS n_energies,
  SUM(CASE WHEN e.certified = 1 AND e.energy_end < e.energy_near - e.slack THEN 1 ELSE 0 END) AS n_deeper,
  e.energy_near - e.energy_least AS gap_to_best, e.gap_near AS gap_to_bound,
  e.psm_key, e.joint_key, e.target_key, e.config_key
FROM e
WHERE e.sigma > 0.0
GROUP BY {axes e. study model dataset activations}, e.n_features, e.d_hook, {axes e. directions target},
  {axes e. kernel joint}, e.optimiser, e.lambda_x, e.sigma, e.sigma_rule, e.energy_near, e.energy_least,
  e.gap_near, e.psm_key, e.joint_key, e.target_key, e.config_key
