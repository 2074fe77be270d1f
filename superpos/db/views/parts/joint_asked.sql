-- That a block of the study `s` asks for the joint fit `jf` of the target `t`.
EXISTS (
    SELECT 1
    FROM block_targets bt
      JOIN blocks b ON b.block_id = bt.block_id
      JOIN block_joint_axes bj ON bj.block_id = bt.block_id
    WHERE bt.target_id = t.target_id AND b.study_id = s.study_id AND bj.joint_axes_id = jf.joint_axes_id
  )
