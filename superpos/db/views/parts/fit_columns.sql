-- What was measured of a re-optimised fit `f` and of its joint fit `jf`.
jf.distance AS distance_joint, {measured fits ..rms_final},
jf.distance / {off diagonal} AS rms_joint,
f.distance_moved / {off diagonal} AS rms_moved,
f.distance_drift / {off diagonal} AS rms_drift,
f.distance_simplex / {off diagonal} AS rms_simplex,
f.distance_polish / {off diagonal} AS rms_polish,
jf.fun AS fun_joint, jf.energy AS energy_joint, {measured fits energy_start..},
f.energy_final - f.energy_bound AS energy_gap, jf.bound_method,
jf.verdict AS verdict_joint, jf.status AS status_joint, f.status, f.seconds
