-- Keys of a re-optimised fit.
p.key AS psm_key, jf.key AS joint_key, f.key AS fit_key, t.key AS target_key,
d.config_key || '.' || ja.config_key || '.' || fa.config_key AS config_key
