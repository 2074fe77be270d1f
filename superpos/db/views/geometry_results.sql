-- geometry_results: one row per target matrix (controls too), measure, kernel, dimension
-- place: 60
-- Studies share matrices: what others asked of one is not shown.
SELECT {target axes},
  pm.measure, pm.energy, pm.s, pm.kernel, pm.softening, pm.n_dims, {measured psm_measures},
  COALESCE(gt.control, '') AS control, gt.p_value, gt.p_smallest,
  COALESCE(gt.n_replicates, 0) AS n_replicates,
  pm.version AS measure_version, p.key AS psm_key, t.key AS target_key,
  d.key AS direction_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  {target joins}
  JOIN psm_measures pm ON pm.psm_id = p.psm_id
  LEFT JOIN measure_tests gt ON gt.study_id = s.study_id AND gt.target_id = t.target_id
    AND gt.measure = pm.measure AND gt.energy = pm.energy AND gt.s = pm.s
    AND gt.softening = pm.softening AND gt.n_dims = pm.n_dims AND gt.is_first = 1
WHERE (pm.energy = '' OR (s.study_id, pm.energy, pm.s, pm.softening) IN (
    SELECT k.study_id, k.energy, k.s, k.softening FROM study_kernels k
  )) AND (pm.n_dims = 0 OR EXISTS (
    SELECT 1
    FROM targets o
      JOIN block_targets ot ON ot.target_id = o.target_id
      JOIN blocks ob ON ob.block_id = ot.block_id
    WHERE o.psm_id = pm.psm_id AND ob.study_id = s.study_id
      AND (ob.block_id, pm.n_dims) IN (SELECT nd.block_id, nd.n_dims FROM block_dimensions nd)
  ))
