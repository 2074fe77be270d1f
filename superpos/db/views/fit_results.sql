-- fit_results: one row per re-optimised fit
-- place: 90
-- The order of the joins is for PostgreSQL: see joint_joins.
SELECT {target axes},
  {axes kernel joint fit},
  {fit columns},
  {fit keys}
FROM fits f
  JOIN joint_fits jf ON jf.joint_id = f.joint_id
  JOIN targets t ON t.psm_id = jf.psm_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN block_targets x ON x.target_id = t.target_id
  JOIN blocks b ON b.block_id = x.block_id
  JOIN current_studies s ON s.study_id = b.study_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = f.fit_axes_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = ja.joint_axes_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id AND bf.fit_axes_id = fa.fit_axes_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  {input joins}
