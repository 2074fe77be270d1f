-- best_matches: one row per group of cells: its best fit
-- place: 100
SELECT {target axes},
  {axes kernel joint fit},
  {fit columns},
  {measured best_match},
  {fit keys}
FROM fits f
  JOIN best_match x ON x.joint_id = f.joint_id AND x.fit_axes_id = f.fit_axes_id
  JOIN current_studies s ON s.study_id = x.study_id
  JOIN joint_fits jf ON jf.joint_id = x.joint_id
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = x.fit_axes_id
  JOIN direction_sets d ON d.direction_id = t.direction_id
  {input joins}
