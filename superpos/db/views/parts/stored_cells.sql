-- Cells of a block `b` that have a fit.
JOIN block_targets bt ON bt.block_id = b.block_id
JOIN block_joint_axes bj ON bj.block_id = b.block_id
JOIN block_fit_axes bf ON bf.block_id = b.block_id
JOIN targets t ON t.target_id = bt.target_id
JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id
