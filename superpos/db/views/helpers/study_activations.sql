-- study_activations: one row per revision of a study and activation set
SELECT s.study_id, a.activation_id
FROM studies s
  CROSS JOIN activation_sets a
WHERE EXISTS (
    SELECT 1
    FROM direction_sets d
      JOIN targets t ON t.direction_id = d.direction_id
      JOIN block_targets bt ON bt.target_id = t.target_id
      JOIN blocks b ON b.block_id = bt.block_id
    WHERE d.activation_id = a.activation_id AND b.study_id = s.study_id
  )
