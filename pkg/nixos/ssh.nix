# The guest's end of nixvf-boot's way in: an sshd of nixvf's own, beside whatever the
# configuration has. It takes the one key that nixvf-boot has made for this boot, and
# listens where only the host can connect: on vsock, or on a card that leads to
# nixvf-boot alone.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (import ./priorities.nix { inherit lib; }) mkNixvfDefault mkUnit;
  cfg = config.nixvf.ssh;

  # As packages ssh and network have them.
  port = 722;
  mac = "52:4e:49:58:56:46";
  host = "169.254.117.1";
  guest = "169.254.117.2";
  card = "nixvf0";

  # sshd wants its files to be root's, in directories of root's.
  files = "/run/nixvf-ssh";
  users = lib.unique [
    "root"
    cfg.user
  ];
  # Earlier ones take the name of the program, which is sshd's.
  namesPam = builtins.compareVersions pkgs.openssh.version "9.8" >= 0;
  settings = pkgs.writeText "nixvf-sshd_config" ''
    HostKey ${files}/host-key
    AuthorizedKeysFile ${files}/authorized-key
    AuthenticationMethods publickey
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    PermitRootLogin prohibit-password
    AllowUsers ${builtins.concatStringsSep " " users}
    UsePAM yes
    ${lib.optionalString namesPam "PAMServiceName nixvf-ssh"}
    UseDNS no
    PrintMotd no
    PidFile none
    LogLevel ERROR
    AcceptEnv LANG LC_* COLORTERM
    AllowStreamLocalForwarding yes
    Subsystem sftp internal-sftp
  '';

  # Also in emergency mode, which has none of the other targets, and where it is
  # needed most.
  early = {
    before = [ "shutdown.target" ];
    conflicts = [ "shutdown.target" ];
  };
  targets = [
    "sysinit.target"
    "emergency.target"
  ];
  always = {
    DefaultDependencies = false;
    IgnoreOnIsolate = true;
  };
  once = {
    Type = "oneshot";
    RemainAfterExit = true;
  };

  keys = "nixvf-ssh-keys.service";
  socket =
    way: listen:
    mkUnit (
      early
      // {
        description = "SSH from the host, on ${way}";
        wantedBy = targets;
        requires = [ keys ];
        after = [ keys ];
        unitConfig = always // {
          ConditionKernelCommandLine = "nixvf.ssh=${way}";
        };
        socketConfig = {
          Accept = true;
          MaxConnections = 1024;
          TriggerLimitIntervalSec = 0;
        }
        // listen;
      }
    );
  session = mkUnit (
    early
    // {
      description = "SSH session from the host";
      restartIfChanged = false;
      unitConfig = always // {
        CollectMode = "inactive-or-failed";
      };
      serviceConfig = {
        ExecStart = "-${pkgs.openssh}/bin/sshd -i -f ${settings}";
        StandardInput = "socket";
        StandardError = "journal";
        KillMode = "process";
      };
    }
  );
in
{
  _file = "nixvf/ssh.nix";

  config = lib.mkIf cfg.enable {
    systemd.services = {
      nixvf-ssh-keys = mkUnit (
        early
        // {
          description = "Keys of SSH from the host";
          restartIfChanged = false;
          unitConfig = always // {
            ConditionKernelCommandLine = "nixvf.ssh";
          };
          serviceConfig = once // {
            LoadCredential = [
              "nixvf.ssh.host-key"
              "nixvf.ssh.authorized-key"
            ];
          };
          script = ''
            mkdir -p ${files}
            umask 077
            cat "$CREDENTIALS_DIRECTORY/nixvf.ssh.host-key" >${files}/host-key
            cat "$CREDENTIALS_DIRECTORY/nixvf.ssh.authorized-key" >${files}/authorized-key
            chmod 0755 ${files}
            chmod 0644 ${files}/authorized-key
          '';
        }
      );
      nixvf-ssh-card = mkUnit (
        early
        // {
          description = "Network card of SSH from the host";
          wantedBy = targets;
          wants = [ "modprobe@virtio_net.service" ];
          after = [ "modprobe@virtio_net.service" ];
          restartIfChanged = false;
          unitConfig = always // {
            ConditionKernelCommandLine = "nixvf.ssh=nixvf0";
          };
          serviceConfig = once // {
            TimeoutStartSec = "5min"; # a host can be busy
          };
          path = [ pkgs.iproute2 ];
          script = ''
            # udev may not run, or be about to name it too.
            until [ -e /sys/class/net/${card} ]; do
              for file in /sys/class/net/*/address; do
                [ "$(cat "$file")" = ${mac} ] || continue
                name=''${file%/address}
                ip link set "''${name##*/}" name ${card} || true
              done
              [ -e /sys/class/net/${card} ] || sleep 0.2
            done
            echo 1 >/proc/sys/net/ipv6/conf/${card}/disable_ipv6 || true # which a kernel need not have
            ip link set ${card} up
            ip address replace ${guest} peer ${host}/32 dev ${card}
          '';
        }
      );
      "nixvf-ssh-vsock@" = session;
      "nixvf-ssh-nixvf0@" = session;
    };

    systemd.sockets = {
      nixvf-ssh-vsock = socket "vsock" { ListenStream = "vsock::${toString port}"; };
      # The card may come later: FreeBind.
      nixvf-ssh-nixvf0 = socket "nixvf0" {
        ListenStream = "${guest}:${toString port}";
        FreeBind = true;
        # The host alone, whatever other networks and users the guest has.
        IPAddressDeny = "any";
        IPAddressAllow = host;
      };
    };

    # The name of the first card stays as it is, and nobody else takes this one.
    services.udev.extraRules = ''
      SUBSYSTEM=="net", ACTION!="remove", ATTR{address}=="${mac}", NAME="${card}", ENV{NM_UNMANAGED}="1"
    '';
    networking.dhcpcd.denyInterfaces = [ card ];
    systemd.network.networks = lib.mkIf config.systemd.network.enable {
      "00-nixvf0" = {
        matchConfig.Name = card;
        linkConfig.Unmanaged = true;
      };
    };
    networking.firewall.interfaces.${card}.allowedTCPPorts = [ port ];

    # What sshd itself needs, which NixOS has only with services.openssh.
    users.users.sshd = {
      isSystemUser = mkNixvfDefault true;
      group = mkNixvfDefault "sshd";
    };
    users.groups.sshd = { };
    security.pam.services.nixvf-ssh = {
      startSession = mkNixvfDefault true;
      unixAuth = mkNixvfDefault false;
    };
  };
}
