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
      attr = part "attr" ./attr;
      initrdModules = part "initrd-modules" ./modules;

      # What nixvf's NixOS module makes of sample configurations: the guest is one of them.
      samples = builtins.fromJSON (builtins.readFile ./golden.json);

      # A file system as the scripts read it: where, what, type, options.
      line = fs: ''
        ${fs.MountPoint} ${fs.Device} ${fs.FsType} ${builtins.concatStringsSep "," fs.Options}
      '';
      fstab =
        run "fstab" (builtins.mapAttrs (_: sample: builtins.concatStringsSep "" (map line sample.FileSystems)) tables)
          ''
            mkdir $out
            for sample in ${toString (builtins.attrNames tables)}; do
              eval "echo -n \"\$$sample\"" >$out/$sample
            done
          '';
      # A name of the environment has no dots and dashes.
      tables = builtins.listToAttrs (
        map (name: {
          name = builtins.replaceStrings [ "-" "." ] [ "_" "_" ] name;
          value = samples.${name};
        }) (builtins.attrNames samples)
      );

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
        mkdir -p $out root/bin root/dev root/lib root/proc root/run root/sys root/sysroot
        cp ${busybox}/busybox root/bin/busybox
        cp -r ${initrdModules} root/lib/modules
        cp -r ${e2fsprogs} root/e2fsprogs
        cp -r ${attr} root/attr
        cp ${./setfattr} root/bin/setfattr
        cp ${./stage-1} root/init
        cp ${./cmdline} root/cmdline
        cp ${./store-layer.sh} root/store-layer.sh
        cp ${./store-image.sh} root/store-image.sh
        cp ${./credentials.sh} root/credentials.sh
        cp -r ${fstab} root/fstab
        chmod +x root/init root/bin/setfattr
        cd root
        find . -exec touch -h -d @1 {} +
        find . | sort | cpio -o -H newc -R 0:0 --renumber-inodes --ignore-devno >$out/initrd
      '';

      kernelParams = samples."plain-26.05".KernelParams;

      virtualisation = samples."plain-26.05".Settings // {
        cores = 2;
        nixvf = { }; # it has no sshd
        diskImage = "$NIXVF_STATE/${name}.raw";
        # The samples are of aarch64-linux.
        rosetta = {
          enable = false;
          mountTag = "rosetta";
        };
      };

      # What the system does not refer to, and the guest finds all the same: in the store and in its database.
      additional = run "additional" { } "echo additional >$out";
      # Directories that a test has put here, which are there in the same way; and the names in each, one a line.
      trees =
        if builtins.pathExists ./trees then
          map (name: part name (./trees + "/${name}")) (builtins.attrNames (builtins.readDir ./trees))
        else
          [ ];
      names = if trees == [ ] then builtins.toFile "names" "" else ./names;

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
            additional = builtins.unsafeDiscardStringContext "${additional}";
            trees = builtins.unsafeDiscardStringContext (toString trees);
          }
          ''
            mkdir $out
            ln -s ${kernel}/${kernelFile} $out/kernel
            ln -s ${initrd}/initrd $out/initrd
            echo -n "$params" >$out/kernel-params
            echo -n ${system} >$out/system
            echo "$additional" >$out/additional
            echo "$trees" >$out/trees
            cp ${names} $out/names
            echo "$boot" >$out/boot.json
            cp ${./cmdline} $out/cmdline
            cp ${./nix-database.sh} $out/nix-database.sh
            cp ${./host-files.sh} $out/host-files.sh
            cp ${./refresh.sh} $out/refresh.sh
            cp ${./console.sh} $out/console.sh
            ln -s ${fstab} $out/fstab
            ln -s ${initrdModules} $out/initrd-modules
            ln -s ${./stage-2/modules} $out/modules
            for script in init profile check bench dhcp stop; do
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
          additionalPaths = [
            toplevel
            additional
          ]
          ++ trees;
        };
      };
    };
}
