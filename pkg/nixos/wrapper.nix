# The flake that nixvf-eval evaluates. Its input `target` is the user's flake: by
# its URL and not by --override-input, after which nix has a few lines to say
# about the lock file that it does not write. Its output `boot` says what has to
# be realised to boot a configuration of that flake, or, in place of Nix's
# messages about this file, why there is nothing to boot. Package eval reads the
# answer.
{
  inputs.target.url = "path:/replaced-by-nixvf-eval";

  outputs =
    { target, ... }:
    let
      all = target.nixosConfigurations;
      names = builtins.attrNames all;

      # A value that can stand in a string, and what it needs: derivations with
      # their outputs, and store paths that exist already. From 2.35 on nix copies
      # an input to the store only when it is needed, as it is by a string that
      # is printed.
      describe = value: {
        text = "${value}";
        context = builtins.getContext "${value}";
      };

      inherit (import ./vm.nix) isNixos vmOf;

      answerFor =
        name:
        if !(all ? ${name}) then
          {
            kind = "missing";
            inherit names;
          }
        else if !(isNixos all.${name}) then
          {
            kind = "foreign";
            inherit name;
          }
        else
          let
            vm = vmOf all.${name};
            inherit (vm.system.build) toplevel;
            refusals = vm.nixvf.refusals or [ ];
          in
          if refusals != [ ] then
            {
              kind = "refused";
              inherit name refusals;
            }
          else
            {
              kind = "system";
              inherit name;
              system = vm.nixvf.platform or toplevel.system;
              builder = toplevel.system;
              warnings = vm.nixvf.warnings or [ ];
              hints = vm.nixvf.hints or [ ];
              settings = vm.nixvf.settings or { };
              toplevel = describe toplevel;
              additional = map describe (vm.virtualisation.additionalPaths or [ ]);
            };
    in
    {
      # From a configuration's name, or null for the only one there is.
      boot =
        name:
        if !(target ? nixosConfigurations) || names == [ ] then
          { kind = "none"; }
        else if name != null then
          answerFor name
        else if builtins.length names == 1 then
          answerFor (builtins.head names)
        else
          {
            kind = "several";
            inherit names;
          };
    };
}
