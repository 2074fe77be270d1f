-- study_joints: one row per revision of a study, target and joint axes
SELECT DISTINCT b.study_id, bt.target_id, bj.joint_axes_id
FROM blocks b
  JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
