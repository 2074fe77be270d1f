-- geometry_results: one row per target matrix (controls too), measure, kernel, dimension
-- place: 60
SELECT {target axes},
  pm.measure, pm.energy, pm.s, pm.kernel, pm.softening, pm.n_dims, {measured psm_measures},
  pm.version AS measure_version, p.key AS psm_key, t.key AS target_key,
  d.key AS direction_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  {target joins}
  JOIN psm_measures pm ON pm.psm_id = p.psm_id
