-- study_targets: one row per revision of a study and target
-- A target of several blocks counts in the first. DISTINCT would make every row before one is looked up by key.
SELECT b.study_id, bt.target_id
FROM blocks b
  JOIN block_targets bt ON bt.block_id = b.block_id
WHERE NOT EXISTS (
    SELECT 1
    FROM block_targets ot
      JOIN blocks ob ON ob.block_id = ot.block_id
    WHERE ot.target_id = bt.target_id AND ot.block_id < bt.block_id AND ob.study_id = b.study_id
  )
