-- study_targets: one row per revision of a study and target
SELECT DISTINCT b.study_id, bt.target_id
FROM blocks b
  JOIN block_targets bt ON bt.block_id = b.block_id
