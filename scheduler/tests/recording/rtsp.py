"""An RTSP server: /0, /1 … are the MP4 files given as arguments, each played from its start, in real time, to whoever
asks; /0/unplugged, /1/unplugged … are the same, but send no more at the end without a word. Prints the port that it
listens on; PORT (0: any free one) comes first."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer


def silence(_factory, media):
    """Ends without RTCP's goodbye."""

    def pass_on(_pad, info):
        ends = info.get_event().type == Gst.EventType.EOS
        return Gst.PadProbeReturn.DROP if ends else Gst.PadProbeReturn.OK

    pad = media.get_element().get_by_name("pay0").get_static_pad("src")
    pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, pass_on)


Gst.init(None)
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
for number, path in enumerate(sys.argv[2:]):
    for place in f"/{number}", f"/{number}/unplugged":
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(f'( filesrc location="{path}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )')
        if place.endswith("unplugged"):
            factory.connect("media-configure", silence)
        server.get_mount_points().add_factory(place, factory)
if not server.attach(None):
    sys.exit("the port is taken")
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
