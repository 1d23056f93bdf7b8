import assert from "node:assert/strict";
import { type Frame, type FrameAnswer, frameAnswer } from "./frame_match.ts";

const ENDS = {
  source: ["192.168.1.11/32", "192.168.1.12/32"],
  destination: ["192.168.1.10/32"],
};

function frame(carries: Frame["carries"], more: Partial<Frame> = {}): Frame {
  return { carries, bridge: null, tagged: false, ...more };
}

const ARP = frame("arp");
const IP = frame("ip");
const FROM_TWO = frame("arp", {
  senders: ["00:00:5e:00:53:01", "00:00:5e:00:53:02"],
});

Deno.test("frameAnswer() says what a match takes", async (t) => {
  const cases: [string, Frame, FrameAnswer][] = [
    ["ether type arp", ARP, "yes"],
    ["ether type arp", IP, "no"],
    ["ether type != arp", IP, "yes"],
    ["meta protocol != ip", ARP, "yes"],
    ["ether type { arp, ip6 }", ARP, "yes"],
    ["ether type 35020", IP, "no"],
    ["ether type 8021q", IP, "no"],
    ["ether type 8021q", frame("ip", { tagged: true }), undefined],
    ["ether type arp", frame("arp", { tagged: true }), undefined],
    ["ether type != ip", frame("ip", { tagged: true }), undefined],
    ["ether type 35020", frame("ip", { tagged: true }), "no"],
    ["meta protocol ip", frame("ip", { tagged: true }), "yes"],
    ["vlan id 5", IP, "no"],
    ["vlan id 5", frame("ip", { tagged: true }), undefined],
    ["arp operation request", ARP, "yes"],
    ["arp operation reply", ARP, "yes"],
    ["arp operation { request, reply }", ARP, "yes"],
    ["arp operation != request", ARP, "yes"],
    ["arp operation != { request, reply }", ARP, "no"],
    ["arp operation nak", ARP, "no"],
    ["arp operation request", IP, "no"],
    ["arp htype 1", ARP, "yes"],
    ["arp plen 4", ARP, "yes"],
    ["arp hlen 8", ARP, "no"],
    ["arp saddr ip 192.168.1.11", ARP, "some"],
    ["arp saddr ip 192.168.1.0/24", ARP, "yes"],
    ["arp saddr ip 192.168.1.77", ARP, "no"],
    ["arp saddr ip != 192.168.1.77", ARP, "yes"],
    ["arp saddr ip { 192.168.1.11-192.168.1.12 }", ARP, "yes"],
    ["arp daddr ip 192.168.1.10", ARP, "yes"],
    ["arp saddr ip @known", ARP, undefined],
    ["arp saddr ether 00:00:5e:00:53:01", ARP, undefined],
    ["arp saddr ether 00:00:5e:00:53:01", FROM_TWO, "some"],
    ["arp saddr ether != 00:00:5e:00:53:01", FROM_TWO, "some"],
    ["arp saddr ether 00:00:5e:00:53:09", FROM_TWO, "no"],
    ["arp saddr ether != 00:00:5e:00:53:09", FROM_TWO, "yes"],
    [
      "arp saddr ether { 00:00:5e:00:53:01, 00:00:5e:00:53:02 }",
      FROM_TWO,
      "yes",
    ],
    ["arp saddr ether @known", FROM_TWO, undefined],
    ["ether saddr 00:00:5e:00:53:01", IP, undefined],
    ["meta pkttype broadcast", ARP, "yes"],
    ["meta pkttype broadcast", IP, "no"],
    ["meta pkttype != host", IP, "no"],
    ["meta pkttype != host", ARP, "yes"],
    ["meta pkttype != { host, broadcast }", ARP, "no"],
    ["meta pkttype multicast", ARP, "no"],
    ["ip frag-off & 8191 != 0", IP, "some"],
    ["ip frag-off & 8191 == 0", IP, "yes"],
    ["ip frag-off & 16384 == 0", IP, "some"],
    ["ether type < 1536", ARP, "no"],
    ["ether type < 1537", ARP, undefined],
    ["ether type >= 1536", ARP, undefined],
    ["ether daddr 01:80:c2:00:00:00", ARP, "no"],
    ["ether daddr 01:80:c2:00:00:00/40", IP, "no"],
    ["ether daddr != 01:80:c2:00:00:00", IP, "yes"],
    ["ether daddr { 01:80:c2:00:00:00, 33:33:00:00:00:01 }", IP, "no"],
    ["ether daddr 33:33:00:00:00:01", frame("ip6"), undefined],
    ["ether daddr ff:ff:ff:ff:ff:ff", ARP, undefined],
    ["ether daddr 00:00:5e:00:53:01", IP, undefined],
    [
      "ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00",
      ARP,
      undefined,
    ],
    ["meta ibrname docker0", frame("ip", { bridge: "docker0" }), "yes"],
    ["meta ibrname != br7", frame("ip", { bridge: "docker0" }), "yes"],
    ["meta obrname br7", frame("arp", { bridge: "docker0" }), "no"],
    ["meta length > 1400", IP, undefined],
    ["tcp dport 23", IP, undefined],
  ];
  for (const [text, of, wanted] of cases) {
    await t.step(
      `${text} (${of.carries}${of.tagged ? ", tagged" : ""})`,
      () => {
        assert.equal(frameAnswer(text, of, ENDS), wanted);
      },
    );
  }
});
