-- study_dimensions: one row per revision of a study, matrix and dimension of a block that the matrix is in
SELECT DISTINCT b.study_id, t.psm_id, nd.n_dims
FROM blocks b
  JOIN (
    SELECT DISTINCT bj.block_id, ja.n_dims
    FROM block_joint_axes bj
      JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id
  ) nd ON nd.block_id = b.block_id
  JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
WHERE t.psm_id IS NOT NULL
