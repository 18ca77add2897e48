{
  description = "A small Linux guest whose both stages are systemd, in the shape of NixOS and without nixpkgs: Debian's systemd and kernel, and what nixvf's NixOS module makes of the stand-in's options";

  outputs =
    { self }:
    let
      inherit ((import ./stand-in/flake.nix).outputs { self = null; }) lib;
      system = "x86_64-linux";

      # Store paths of their own, so that a change of a script leaves them as they are.
      part = name: path: builtins.path { inherit name path; };
      busybox = part "busybox" ./busybox;

      # A static busybox is the builder: nothing outside the store is used.
      run =
        name: env: script:
        derivation (
          env
          // {
            inherit name system;
            builder = "${busybox}/busybox";
            args = [
              "sh"
              "-euo"
              "pipefail"
              "-c"
              script
            ];
          }
        );

      parts = {
        inherit run busybox;
        version = builtins.readFile ./version; # of systemd
        opensshVersion = if parts.version == "252" then "9.2p1" else "10.0p1";
        root = part "systemd-root" ./root;
        nix = part "nix" ./nix;
        kernel = part "linux" ./linux;
        modules = part "modules" ./modules;
        e2fsprogs = part "e2fsprogs" ./e2fsprogs;
        # Directories that a test has put here, whose paths are in the guest's database; the names in each are in ./names.
        trees =
          if builtins.pathExists ./trees then
            map (name: part name (./trees + "/${name}")) (builtins.attrNames (builtins.readDir ./trees))
          else
            [ ];
      };

      # program NAME...: a package of the stand-in that can be used, with Debian's programs.
      program =
        name: names:
        run name { } ''
          mkdir -p $out/bin
          for program in ${toString names}; do cp ${parts.root}/bin/$program $out/bin; done
        ''
        // {
          meta = { };
        };
      pkgs = import ./stand-in/packages.nix lib system // {
        attr = program "attr" [ "setfattr" ];
        findutils = program "findutils" [ "find" ];
        util-linux = program "util-linux" [
          "mount"
          "mountpoint"
        ];
        inherit (parts) nix;
        iproute2 = program "iproute2" [ "ip" ];
        openssh = program "openssh" [ "sshd" ] // {
          version = parts.opensshVersion;
        };
        writeText = name: text: run name { inherit text; } ''printf %s "$text" >$out'';
        writeShellScriptBin =
          name: text:
          run name { inherit text; } ''
            mkdir -p $out/bin
            printf '#!/bin/bash\n%s' "$text" >$out/bin/${name}
            chmod +x $out/bin/${name}
          '';
      };

      vm = settings: { virtualisation.vmVariant = settings; };
      missing = timeout: {
        device = "/dev/disk/by-label/missing";
        fsType = "ext4";
        options = [ "x-systemd.device-timeout=${timeout}" ];
      };
      # While there is a console, in stage 1: before the journal is there, which takes what the first process says from
      # then on, and after that.
      stage1 = order: script: {
        boot.initrd.systemd.services.guest-ends = {
          inherit script;
          wantedBy = [ "initrd.target" ];
          unitConfig.DefaultDependencies = false;
          serviceConfig.Type = "oneshot";
        }
        // order;
      };
      early = {
        after = [ "systemd-modules-load.service" ];
        before = [ "systemd-journald.service" ];
      };
      late.after = [ "basic.target" ];
      configurations = {
        memory = { };
        disk = vm { virtualisation.writableStoreUseTmpfs = false; };
        image = vm { virtualisation.useNixStoreImage = true; };
        # Those that do not come up.
        waits = vm { virtualisation.fileSystems."/data" = missing "0"; };
        emergency = vm { virtualisation.fileSystems."/data" = missing "1s"; };
        freezes = stage1 early "kill -SEGV 1";
        freezesLate = stage1 late "kill -SEGV 1";
        restarts = stage1 late "systemctl reboot --force --force";
      };
    in
    {
      nixosConfigurations = builtins.mapAttrs (
        _: configuration:
        lib.nixosSystem {
          inherit system;
          modules = [
            ./nixos.nix
            configuration
          ]
          ++ lib.optional (builtins.pathExists ./more.nix) ./more.nix;
          specialArgs = { inherit pkgs parts; };
        }
      ) configurations;
    };
}
