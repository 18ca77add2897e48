# Whether a configuration has an answer for the VM's network card, which is eth0
# whatever the cards of the real machine are called; and the modules that give the
# card an address where there is none (needed.nix).
{ config, lib }:

let
  inherit (import ./priorities.nix { inherit lib; }) mkNeeded;
  card = "eth0";
  inherit (config) networking;
  inherit (config.systemd) network;
  networkd = networking.useNetworkd || network.enable or false;

  # What a part of [Match] says (systemd.network(5)): patterns, all of which are
  # negated by a ! in front.
  words = value: lib.filter (word: word != "") (lib.splitString " " (toString value));
  matchesGlob = import ./glob.nix { inherit lib; };
  matches =
    value: text:
    let
      globs = words value;
      negated = lib.hasPrefix "!" (lib.head globs);
      plain = if negated then [ (lib.removePrefix "!" (lib.head globs)) ] ++ lib.tail globs else globs;
    in
    globs != [ ] && (text != null && lib.any (glob: matchesGlob glob text) plain) != negated;

  # What is known of the card, which has no kind. Its addresses are not known here.
  facts = {
    Name = card;
    OriginalName = card;
    Type = "ether";
    Driver = "virtio_net";
    Kind = null;
  };
  isAnswer =
    net:
    net.enable or true
    && net.matchConfig or { } != { }
    && lib.all (key: facts ? ${key} && matches net.matchConfig.${key} facts.${key}) (
      lib.attrNames net.matchConfig
    );
  networkdAnswers = lib.any isAnswer (lib.attrValues network.networks);

  # Bridges and the like that the card is a part of.
  ports =
    lib.concatMap (kind: lib.concatMap (set: set.interfaces or [ ]) (lib.attrValues networking.${kind} or { })) [
      "bonds"
      "bridges"
    ]
    ++ map (vlan: vlan.interface) (lib.attrValues networking.vlans or { });

  cards = lib.attrNames networking.interfaces or { };
  scriptsAnswer =
    networking.useDHCP && networking.dhcpcd.enable or true || lib.elem card cards || lib.elem card ports;

  answered =
    networkd && networkdAnswers
    || !networking.useNetworkd && scriptsAnswer
    || networking.networkmanager.enable or false
    || networking.ifstate.enable or false;
in
{
  note = "networking: nothing is about ${card}, the VM's card${
    lib.optionalString (cards != [ ]) " (but about ${lib.concatStringsSep ", " cards})"
  }: it gets its address by DHCP";
  modules = lib.optional (!answered) (
    if networkd then
      # The last one, so that whatever else matches goes before it.
      {
        systemd.network.networks."99-nixvf" = {
          matchConfig.Name = card;
          networkConfig.DHCP = "yes";
          dhcpV4Config.ClientIdentifier = "mac";
        };
      }
    else
      {
        networking.interfaces.${card}.useDHCP = true;
        networking.dhcpcd.enable = mkNeeded true;
      }
  );
}
