-- What was measured of a re-optimised fit `f` and of its joint fit `jf`.
jf.distance AS distance_joint, {measured fits ..rms_final},
jf.fun AS fun_joint, jf.energy AS energy_joint, {measured fits energy_start..},
f.energy_final - f.energy_bound AS energy_gap, jf.bound_method,
jf.verdict AS verdict_joint, jf.status AS status_joint, f.status, f.seconds
