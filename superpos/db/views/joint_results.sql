-- joint_results: one row per joint fit, every restart
-- place: 70
SELECT {target axes},
  {axes kernel joint},
  {measured joint_fits}, jf.energy - jf.energy_bound AS energy_gap,
  p.min_eigenvalue AS target_min_eigenvalue, jf.verdict AS verdict_joint, jf.status,
  jf.message, jf.seconds, p.key AS psm_key, jf.key AS joint_key, t.key AS target_key,
  d.config_key || '.' || ja.config_key AS config_key
{joint joins}
WHERE {joint asked}
