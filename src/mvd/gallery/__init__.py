"""Galleries of one's own pictures: a LanceDB table in a folder or behind an address, and a log of who asked what.

`place` says where a gallery is and locks it; `columns` what is kept of a picture, and the settings; `table` reads and
writes; `filters` are conditions; `exact` and `index` find nearest vectors, `search` ranks, `tracklets` groups; `forget`
removes for good; `log` is the chain of hashes. Everything here takes embeddings;
`mvd.commands.pictures.gallery` takes pictures.
"""
