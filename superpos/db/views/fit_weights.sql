-- fit_weights: one row per joint fit and feature
-- place: 80
-- CROSS JOIN as in psm_pairs.
SELECT {target axes},
  {axes kernel joint},
  dr.feature, {measured importance}, p.key AS psm_key, jf.key AS joint_key,
  d.config_key || '.' || ja.config_key AS config_key
FROM current_studies s
  JOIN study_joints x ON x.study_id = s.study_id
  {target joins}
  JOIN joint_axes ja ON ja.joint_axes_id = x.joint_axes_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = x.joint_axes_id
  JOIN importance i ON i.joint_id = jf.joint_id
  CROSS JOIN direction_rows dr
WHERE dr.direction_id = d.direction_id AND dr.row_index = i.row_index
