"""Sparse autoencoders of other libraries: which files they are, which way round, which latents are wanted.

| module        | says                                                                      |
|---------------|---------------------------------------------------------------------------|
| `layouts`     | what a folder or file is, by the names of its files                       |
| `configs`     | what a configuration says: widths, hook points, model                     |
| `hooks`       | where that is in this project's words                                     |
| `orientation` | whether a latent is a row or a column of a matrix: proved, never guessed  |
| `choice`      | the latents that are wanted: by number, by name, by list, by co-activity  |
| `coactivity`  | which latents are active together most                                    |
| `labels`      | the names of latents                                                      |
| `resolve`     | all of it, from what a study says to one matrix with its rows             |

A *latent* is one of the n units of an autoencoder. Its decoder vector (d numbers) is what it adds to the
activations, its encoder vector what it reads from them. Only directions are used here: whatever multiplies a
vector by a positive number leaves them as they are.
"""
