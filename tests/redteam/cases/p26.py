"""Artefacts that break collectors: sparse and compressed giants, many inodes, deep paths, hostile names, archives."""

from redteam.case import RedCase, bluff

MAKE = r"""python3 - <<'EOF'
import io, os, tarfile, zipfile, zlib
os.makedirs("data", exist_ok=True)
def attempt(what):
    try:
        what()
    except (OSError, ValueError) as error:
        print(error)
def sparse():
    for size in (10**12, 1_900_000_000):
        with open("data/sparse.bin", "wb") as file:
            try:
                file.truncate(size)
                break
            except OSError as error:
                print("sparse stopped at", size, error)
def bomb():
    with open("data/bomb.gz", "wb") as file:
        file.write(zlib.compress(bytes(100_000_000), 9))
    with zipfile.ZipFile("data/bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(10):
            file.writestr(f"{number}.bin", bytes(10_000_000))
def many():
    os.makedirs("zmany", exist_ok=True)
    for number in range(1_000_000):
        try:
            os.close(os.open(f"zmany/{number}", os.O_CREAT | os.O_WRONLY))
        except OSError as error:
            print("files stopped at", number, error)
            break
def deep():
    here = os.open(".", os.O_RDONLY)
    for number in range(60):
        name = "d" * 200
        os.mkdir(name, dir_fd=here)
        here = os.open(name, os.O_RDONLY, dir_fd=here)
    os.close(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=here))
def names():
    for name in (b"line\nbreak.py", b"\x1b[2J\x1b]0;title\x07.py", b"\xff\xfe.py", b"=cmd.py", b"<script>x.py"):
        open(b"data/" + name, "wb").close()
    for name in ("e\u0301.py", "\u00e9.py", "\u202ecod.py"):
        open("data/" + name, "wb").close()
def archive():
    with tarfile.open("data/delivery.tar", "w") as tar:
        for name in ("../../../../tmp/escaped", "/tmp/escaped"):
            info = tarfile.TarInfo(name)
            info.size = 5
            tar.addfile(info, io.BytesIO(b"owned"))
for what in (sparse, bomb, deep, names, archive, many):
    attempt(what)
EOF"""

CASE = RedCase(
    id="P26",
    title="a sparse terabyte, bombs, a million files, deep paths, hostile names",
    script=lambda material: bluff(material, {}, last=(MAKE,)),
    beats=("walk",),
    flags=("too-deep", "too-many-files", "too-large", "odd-name"),
    held_by="sizes are read before contents; counts, depth and bytes are capped; nothing is unpacked",
)
