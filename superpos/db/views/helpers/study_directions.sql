-- study_directions: one row per revision of a study and set of directions
SELECT DISTINCT st.study_id, t.direction_id
FROM study_targets st
  JOIN targets t ON t.target_id = st.target_id
