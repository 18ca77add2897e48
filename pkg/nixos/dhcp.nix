# How the VM keeps its address: macOS remembers leases by client identifier. With the
# MAC address as such the VM gets the same address each time, and can be found by it.
{ config, lib, ... }:

let
  inherit (import ./priorities.nix { inherit lib; }) mkGuest;
in
{
  _file = "nixvf/dhcp.nix";

  config = {
    # First: after an `interface` of the user's it would be about that card alone.
    networking.dhcpcd.extraConfig = lib.mkBefore "clientid";
    systemd.network.networks =
      lib.mkIf (config.networking.useNetworkd && config.networking.useDHCP)
        {
          "99-ethernet-default-dhcp".dhcpV4Config.ClientIdentifier = mkGuest "mac";
        };
  };
}
