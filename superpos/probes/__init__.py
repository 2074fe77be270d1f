"""Linear probes of features in activations; the only code that speaks scikit-learn.

What calls what, from the functions that stages call (left) downwards:

    train.train_probes           inputs, permutation, cross_validation, fit, metrics
    resample.noise_ceilings      inputs, cross_validation (parts), fit, ceiling
    whitening.Whitening          covariance, design
    fit                          design; closed_form, or logistic and newton or rows
    cross_validation             logistic, newton
    newton                       conjugate, recycled, logistic, lengths
    rows                         row_steps, logistic, lengths
    logistic                     thin (as conjugate and row_steps)

One name for one thing, in every module:

    X         activations of all samples as they came, (N, d)
    samples   `design.ScaledSamples`: the training samples scaled and centred, (n, d), read block by block
    Z         their coordinates, (n, r): the samples themselves, or a triangle where n is below d
    Z1        the design matrix (Z, 1), (n, r + 1), in double; in single where the type says so
    theta     coefficients and intercepts: (r + 1, k) over Z1 while they are found, (k, d + 1) over the scaled
              samples once lifted
    K         the Gram matrix of the samples, (n, n): lower triangle in `design`, single in `row_steps`
    penalty   1 / (C sum of weights), what |w|^2 / 2 is multiplied with; C stands in settings and answers
    split     `inputs.Split`: features that share their samples, with the rows of training and test
    counts    how often a sample counts, (n,) or (n, k); groups are drawn, cut and exchanged as wholes

`train_probes` is imported from `superpos.probes.train`, so that importing this package stays cheap.
"""
