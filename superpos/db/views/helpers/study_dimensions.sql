-- study_dimensions: one row per revision of a study, matrix and dimension of a block that the matrix is in
SELECT DISTINCT b.study_id, t.psm_id, nd.n_dims
FROM blocks b
  JOIN block_dimensions nd ON nd.block_id = b.block_id
  JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
WHERE t.psm_id IS NOT NULL
