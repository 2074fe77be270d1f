-- geometry_tests: one row per features matrix, measure, kernel, dimension and control
-- place: 61
SELECT {target axes},
  pm.measure, pm.energy, pm.s, pm.kernel, pm.softening, pm.n_dims, gt.control, {measured psm_measures},
  {measured measure_tests}, p.key AS psm_key, t.key AS target_key, d.key AS direction_key, d.config_key
FROM current_studies s
  JOIN measure_tests gt ON gt.study_id = s.study_id
  JOIN study_targets x ON x.study_id = s.study_id AND x.target_id = gt.target_id
  {target joins}
  JOIN psm_measures pm ON pm.psm_id = p.psm_id AND pm.measure = gt.measure AND pm.energy = gt.energy
    AND pm.s = gt.s AND pm.softening = gt.softening AND pm.n_dims = gt.n_dims
