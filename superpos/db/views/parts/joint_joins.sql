-- Studies `s` and targets `t` of joint fits `jf`, with all that these rest on. PostgreSQL tries the orders of the
-- first eight joins alone: what has a key stands there.
FROM joint_fits jf
  JOIN targets t ON t.psm_id = jf.psm_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN study_targets x ON x.target_id = t.target_id
  JOIN current_studies s ON s.study_id = x.study_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  {input joins}
