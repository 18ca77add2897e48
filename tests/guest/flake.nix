{
  description = "A small Linux guest in the shape of a NixOS configuration, without nixpkgs: Debian's kernel, busybox and Nix";

  outputs =
    { self }:
    let
      system = builtins.readFile ./system; # the guest's
      kernelFile = if system == "aarch64-linux" then "Image" else "bzImage"; # as NixOS has them
      name = "darwinVM";

      # Store paths of their own, so that a change of a script leaves them as they are.
      part = name: path: builtins.path { inherit name path; };
      busybox = part "busybox" ./busybox;
      nix = part "nix" ./nix;
      kernel = part "linux" ./linux;
      e2fsprogs = part "e2fsprogs" ./e2fsprogs;

      # A static busybox is the builder too: nothing outside the store is used.
      builder = part "busybox" ./builder;
      run =
        name: env: script:
        derivation (
          env
          // {
            inherit name;
            system = "x86_64-linux"; # where it is built, for a guest of any platform
            builder = "${builder}/busybox";
            args = [
              "sh"
              "-euo"
              "pipefail"
              "-c"
              script
            ];
          }
        );

      initrd = run "initrd" { } ''
        mkdir -p $out root/bin root/dev root/lib root/proc root/root root/sys
        cp ${busybox}/busybox root/bin/busybox
        cp -r ${./modules} root/lib/modules
        cp -r ${e2fsprogs} root/e2fsprogs
        cp ${./stage-1} root/init
        cp ${./cmdline} root/cmdline
        cp ${./store-layer.sh} root/store-layer.sh
        chmod +x root/init
        cd root
        find . -exec touch -h -d @1 {} +
        find . | sort | cpio -o -H newc -R 0:0 --renumber-inodes --ignore-devno >$out/initrd
      '';

      kernelParams = [
        "panic=-1"
        "loglevel=4"
        "nixvf.shares=xchg:/tmp/xchg,shared:/tmp/shared"
      ];

      virtualisation = {
        cores = 2;
        memorySize = 1024;
        diskImage = "$NIXVF_STATE/${name}.raw";
        diskSize = 1024;
        useDefaultFilesystems = true;
        emptyDiskImages = [ ];
        graphics = false;
        resolution = {
          x = 1024;
          y = 768;
        };
        writableStore = true;
        sharedDirectories = {
          nix-store = {
            source = "/nix/store";
            target = "/nix/.ro-store";
            writable = false;
          };
          xchg = {
            source = ''"$TMPDIR"/xchg'';
            target = "/tmp/xchg";
            writable = true;
          };
          shared = {
            source = ''"''${SHARED_DIR:-$TMPDIR/xchg}"'';
            target = "/tmp/shared";
            writable = true;
          };
        };
        forwardPorts = [ ];
        restrictNetwork = false;
        rosetta = {
          enable = false;
          mountTag = "rosetta";
        };
      };

      out = builtins.placeholder "out";
      bootJson = {
        "org.nixos.bootspec.v1" = {
          inherit kernelParams system;
          init = "${out}/init";
          initrd = "${initrd}/initrd";
          kernel = "${kernel}/${kernelFile}";
          label = "nixvf test guest";
          toplevel = out;
        };
        "io.github.nixvf.v1" = virtualisation;
      };

      toplevel =
        run "nixos-system-${name}"
          {
            boot = builtins.toJSON bootJson;
            params = toString kernelParams;
          }
          ''
            mkdir $out
            ln -s ${kernel}/${kernelFile} $out/kernel
            ln -s ${initrd}/initrd $out/initrd
            echo -n "$params" >$out/kernel-params
            echo -n ${system} >$out/system
            echo "$boot" >$out/boot.json
            cp ${./cmdline} $out/cmdline
            cp ${./nix-database.sh} $out/nix-database.sh
            for script in init profile check dhcp stop; do
              sed "s|@toplevel@|$out|g; s|@busybox@|${busybox}|g; s|@nix@|${nix}|g; s|@e2fsprogs@|${e2fsprogs}|g" ${./stage-2}/$script >$out/$script
              chmod +x $out/$script
            done
          '';
    in
    {
      nixosConfigurations.${name}.config = {
        nixvf = { }; # what nixvf's own NixOS module declares: a VM already
        system.build = { inherit toplevel; };
        virtualisation = virtualisation // {
          additionalPaths = [ toplevel ];
        };
      };
    };
}
