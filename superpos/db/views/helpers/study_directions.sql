-- study_directions: one row per revision of a study and set of directions
SELECT s.study_id, d.direction_id
FROM studies s
  CROSS JOIN direction_sets d
WHERE EXISTS (
    SELECT 1
    FROM targets t
      JOIN block_targets bt ON bt.target_id = t.target_id
      JOIN blocks b ON b.block_id = bt.block_id
    WHERE t.direction_id = d.direction_id AND b.study_id = s.study_id
  )
