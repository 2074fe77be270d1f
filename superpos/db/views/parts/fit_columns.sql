-- What was measured of a re-optimised fit `f` and of its joint fit `jf`.
jf.distance AS distance_joint, {measured fits ..rms_final},
CASE WHEN jf.distance < 1e-300 THEN 0.0
  ELSE jf.distance / {off diagonal}
  END AS rms_joint,
CASE WHEN f.distance_moved < 1e-300 THEN 0.0
  ELSE f.distance_moved / {off diagonal}
  END AS rms_moved,
CASE WHEN f.distance_drift < 1e-300 THEN 0.0
  ELSE f.distance_drift / {off diagonal}
  END AS rms_drift,
CASE WHEN f.distance_simplex < 1e-300 THEN 0.0
  ELSE f.distance_simplex / {off diagonal}
  END AS rms_simplex,
CASE WHEN f.distance_polish < 1e-300 THEN 0.0
  ELSE f.distance_polish / {off diagonal}
  END AS rms_polish,
jf.fun AS fun_joint, jf.energy AS energy_joint, {measured fits energy_start..},
f.energy_final - f.energy_bound AS energy_gap, jf.bound_method,
jf.verdict AS verdict_joint, jf.status AS status_joint, f.status, f.seconds
