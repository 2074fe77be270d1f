-- best_matches: one row per group of cells: its best fit
-- place: 100
SELECT {target axes},
  {axes kernel joint fit},
  {fit columns},
  {measured best_match},
  {fit keys}
FROM current_studies s
  JOIN best_match x ON x.study_id = s.study_id
  {target joins}
  JOIN joint_fits jf ON jf.joint_id = x.joint_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = x.fit_axes_id
  JOIN fits f ON f.joint_id = x.joint_id AND f.fit_axes_id = x.fit_axes_id
