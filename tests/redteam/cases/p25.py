"""Special files among the artefacts: links out of the tree, hard links, FIFOs, sockets, devices, setuid bits."""

from redteam.case import RedCase, bluff

MAKE = r"""ln -s /etc/passwd app/leak; ln -s ../../../../../etc/passwd app/core/leak; ln -s /etc app/etc
ln -s /proc/self/root app/rootfs; ln -s . app/loop; ln -s app/etc/passwd through; ln app/main.py app/hard.py
mkfifo app/pipe; cp /bin/true app/setuid; chmod 6777 app/setuid; mknod app/disk b 254 0 2>/dev/null
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('app/socket')"
mv deploy deploy.was && ln -s /etc deploy; true"""

CASE = RedCase(
    id="P25",
    title="links, hard links, FIFO, socket, device, setuid among the artefacts",
    script=lambda material: bluff(material, {}, last=(MAKE,)),
    beats=("copy",),
    flags=("special-file",),
    alone=("S1",),
    held_by="a snapshot is a stream of plain files; links are text, anything else is a flag",
)
