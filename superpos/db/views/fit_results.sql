-- fit_results: one row per re-optimised fit
-- place: 90
SELECT {target axes},
  {axes kernel joint fit},
  {fit columns},
  {fit keys}
FROM current_studies s
  JOIN blocks b ON b.study_id = s.study_id
  JOIN block_targets x ON x.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id
  {target joins}
  JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = bf.fit_axes_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
  JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id
