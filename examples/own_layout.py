"""Train on a data set of any layout: tell mvd how its files are named.

python examples/own_layout.py FOLDER

Here a picture is called `PERSON_cCAMERA_KIND_NUMBER.jpg`, all of them in one folder, and every third person is tested
on. FOLDER gets a few rendered people under such names.
"""

import re
import sys
from pathlib import Path

from torch.utils.data import DataLoader

import mvd
from mvd.data import Dataset, Modality, Row, from_rows
from mvd.training import DeviceAugment

NAME = re.compile(r"(\d+)_c(\d)_(rgb|ir)_\d+\.jpg")


def scan_flat(folder):
    rows = []
    for file in sorted(folder.glob("*.jpg")):
        person, camera, kind = NAME.fullmatch(file.name).groups()
        rows.append(Row(file.name, int(person), int(camera), Modality.VISIBLE if kind == "rgb" else Modality.INFRARED))
    rows.sort(key=lambda row: (row.identity, row.camera, row.path))
    return Dataset(
        name="own",  # the protocols: everything of one modality against everything of the other
        root=folder,
        train=from_rows(row for row in rows if row.identity % 3),
        validation=from_rows([]),
        test=from_rows(row for row in rows if row.identity % 3 == 0),
        people_lists="the function scan_flat",
    )


mvd.data.register("flat", scan_flat, recognise=lambda path: any(path.glob("*_c?_rgb_*.jpg")))


def render(folder):
    """Render six people and rename their pictures."""
    flat = folder / "flat"
    if flat.exists():
        return flat
    rendered = mvd.synth(folder / "flat-rendered", train=4, validation=0, test=2, pictures=2, height=64, workers=1).data
    flat.mkdir()
    for file in rendered.glob("cam*/*/*.jpg"):
        camera, person = file.parts[-3][-1], file.parts[-2]
        file.rename(flat / f"{person}_c{camera}_{'ir' if camera in '36' else 'rgb'}_{file.name}")
    return flat


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    data = render(Path(sys.argv[1]))
    # Every verb knows the layout now, mvd.train and mvd.evaluate included.
    print(f"{len(mvd.check(data).defects)} defects; {mvd.prepare(data, height=48, width=24).found}")
    pictures = mvd.data.PictureDataset(data)
    sampler = mvd.data.IdentitySampler(pictures.labels, pictures.modalities, identities=2, pictures=2)
    augment = DeviceAugment()
    for step, batch in enumerate(DataLoader(pictures, batch_sampler=sampler)):
        images = augment(batch.image, batch.modality, step)
        print(f"step {step}: images {tuple(images.shape)} of identities {sorted(set(batch.identity.tolist()))}")
