-- block_dimensions: one row per block and dimension of its joint fits
SELECT DISTINCT bj.block_id, ja.n_dims
FROM block_joint_axes bj
  JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id
