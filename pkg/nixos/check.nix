# Whether nixvf can run the VM that a configuration asks for, found by looking at
# who has set which of the options in options.nix. The wrapper flake shows the
# findings before anything is built; where the module is imported, NixOS does too.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  table = import ./options.nix;
  cfg = config.virtualisation;

  findings =
    description:
    mkOption {
      type = types.listOf types.str;
      internal = true;
      readOnly = true;
      inherit description;
    };

  optionOf = name: lib.attrByPath (lib.splitString "." name) null options.virtualisation;

  # NixOS's own modules define many of these options, and so does nixvf's.
  isUsers = file: !(lib.hasInfix "/nixos/modules/" file) && !(lib.hasPrefix "nixvf/" file);

  definedBy =
    option: lib.unique (lib.filter isUsers (map (d: toString d.file) option.definitionsWithLocations));

  # What is only a default is left alone: to look at it can be to evaluate QEMU or
  # OVMF, which may not exist for the host.
  isDefined = option: option ? value && option.highestPrio < 1500;

  # Options that are in this nixpkgs and that the user has set.
  setByUser = lib.filter (
    name:
    let
      option = optionOf name;
    in
    isDefined option && definedBy option != [ ]
  );

  byFate = fate: lib.filter (name: table.${name}.fate == fate) (lib.attrNames table);
  # Where that is, as far as the module system knows.
  where =
    name:
    let
      files = lib.filter (file: file != "<unknown-file>") (definedBy (optionOf name));
    in
    lib.optionalString (files != [ ]) " (set in ${lib.concatStringsSep ", " files})";

  asksForNothing = name: value: lib.elem value (table.${name}.allowed or [ false null { } [ ] ]);
  isAsked =
    name:
    let
      option = optionOf name;
    in
    # What is only a default follows from another option, which is named then.
    isDefined option
    && !(asksForNothing name option.value)
    # An image of the store is in its place.
    && !(name == "mountHostNixStore" && cfg.useNixStoreImage);

  # Options that qemu-vm.nix declares and that the table does not have: of a
  # nixpkgs that is newer than nixvf. Renamed and removed ones, which NixOS itself
  # has a word on, are not visible.
  leaves =
    path: set:
    lib.concatLists (
      lib.mapAttrsToList (
        name: option:
        if option._type or null == "option" then
          lib.optional (
            option.visible or true != false
            && lib.any (lib.hasSuffix "/virtualisation/qemu-vm.nix") (map toString (option.declarations or [ ]))
          ) (lib.concatStringsSep "." (path ++ [ name ]))
        else if lib.isAttrs option then
          leaves (path ++ [ name ]) option
        else
          [ ]
      ) set
    );
  unknown = lib.filter (name: !(table ? ${name})) (leaves [ ] options.virtualisation);

  # Other files are the real machine's, of sops or agenix for example.
  passwordFiles = [
    "hashedPasswordFile"
    "passwordFile"
  ];
  isInStore = file: file != null && lib.hasPrefix builtins.storeDir (toString file);
  users = config.users.users or { };
  waitingForFile = lib.filter (
    name: lib.any (file: users.${name}.${file} or null != null) passwordFiles
  ) (lib.attrNames users);

  canLogIn =
    user:
    # "!" and "*" are how NixOS and shadow lock a password.
    lib.any (name: !(lib.elem (user.${name} or null) [ null "!" "!!" "*" ])) [
      "password"
      "hashedPassword"
      "initialPassword"
      "initialHashedPassword"
    ]
    || lib.any (name: isInStore (user.${name} or null)) passwordFiles
    || user.openssh.authorizedKeys.keys or [ ] != [ ]
    || user.openssh.authorizedKeys.keyFiles or [ ] != [ ];

  # Containers and WSL have neither kernel nor stage 1.
  inherit (config) boot;
  unbootable =
    if boot.isContainer or false then
      [
        "boot.isContainer: a container has no kernel to boot: set boot.isContainer = lib.mkForce false in virtualisation.vmVariant"
      ]
    else
      lib.optional (!(boot.kernel.enable or true))
        "boot.kernel.enable is false, and there is no kernel to boot: set boot.kernel.enable = lib.mkForce true in virtualisation.vmVariant"
      ++
        lib.optional (!(boot.initrd.enable or true))
          "boot.initrd.enable is false, and without stage 1 nothing mounts the host's store: set boot.initrd.enable = lib.mkForce true in virtualisation.vmVariant";
in
{
  _file = "nixvf/check.nix";

  options.nixvf = {
    platform = lib.mkOption {
      type = types.str;
      internal = true;
      readOnly = true;
      description = "Platform of the guest, which can be another one than that it is built on.";
    };
    unknown = findings "Options of qemu-vm.nix that this nixvf does not know.";
    refusals = findings "Why nixvf cannot run this VM, a sentence each.";
    warnings = findings "What the user has set and nixvf does not do, a sentence each.";
    hints = findings "What the user may have forgotten, a sentence each.";
  };

  # As assertions and warnings they name the program, which vm.nix looks for.
  config.assertions = map (text: {
    assertion = false;
    message = "nixvf: ${text}";
  }) config.nixvf.refusals;
  config.warnings = map (text: "nixvf: ${text}") config.nixvf.warnings;

  config.nixvf = {
    inherit unknown;
    platform = pkgs.stdenv.hostPlatform.system;

    refusals =
      if !(options.virtualisation ? fileSystems) then
        [
          "disabledModules: without virtualisation/qemu-vm.nix no VM can be made from the configuration: remove it from disabledModules in virtualisation.vmVariant"
        ]
      else
      map (name: "virtualisation.${name}: ${table.${name}.note}") (
        lib.filter isAsked (byFate "refused")
      )
      ++ lib.optional (
        cfg.fileSystems == { }
      ) "virtualisation.fileSystems is empty, so the VM would mount the disks of the real machine: remove `virtualisation.fileSystems = lib.mkForce { }` from virtualisation.vmVariant"
      ++ unbootable;

    warnings =
      map (name: "virtualisation.${name} has no effect: ${table.${name}.note}${where name}") (
        lib.filter (name: !(lib.elem (optionOf name).value (table.${name}.allowed or [ ]))) (
          setByUser (byFate "ignored")
        )
      )
      ++ map (
        name: "virtualisation.${name} is not known to this version of nixvf and has no effect${where name}"
      ) (setByUser unknown)
      ++ (import ./drives.nix { inherit config lib; }).warnings;

    hints =
      config.nixvf.notes
      ++ lib.optional
        (
          config.services.getty.autologinUser or null == null
          && !(lib.any canLogIn (lib.attrValues users))
        )
        ''nobody can log in${lib.optionalString config.nixvf.ssh.enable " but by nixvf-boot ssh"}: no user has a password or key${
          lib.optionalString (waitingForFile != [ ])
            " in the VM, and the password file of ${lib.concatStringsSep ", " waitingForFile} is the real machine's"
        }; virtualisation.vmVariant.users.users.root.initialPassword = "" lets root in'';
  };
}
