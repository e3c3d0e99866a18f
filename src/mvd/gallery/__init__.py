"""Galleries of the user's own pictures: a LanceDB table in a folder or an object store, and an audit log.

`place` locates and locks a gallery; `columns` defines the table's schema and the settings; `table` reads and writes;
`filters` builds SQL conditions; `exact` and `index` find nearest embeddings; `search` ranks them; `tracklets` groups
them; `forget` deletes rows permanently; `log` is the hash-chained log. This package works on embeddings;
`mvd.commands.pictures.gallery` works on pictures.
"""
