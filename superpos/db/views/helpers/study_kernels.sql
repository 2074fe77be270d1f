-- study_kernels: one row per revision of a study and kernel of its fits, whatever the diagonal
SELECT DISTINCT b.study_id, ja.energy, ja.s, ja.softening
FROM blocks b
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id
