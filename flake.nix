{
  description = "wantune: fine-tunes WAN 2.2 video models";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";

  outputs = { self, nixpkgs }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};

      # libtorch with its headers, out of the official wheel. The processor's build: CUDA's is fetched by `wantune setup`.
      libtorch = pkgs.stdenv.mkDerivation {
        pname = "libtorch";
        version = "2.13.0";
        src = pkgs.fetchurl {
          name = "torch.zip";
          url = "https://download.pytorch.org/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl";
          hash = "sha256-Z0bby+tSbrYTMLdrQf8bTrhIlREDqJLusIDforJkZns=";
        };
        sourceRoot = ".";
        nativeBuildInputs = [ pkgs.autoPatchelfHook pkgs.unzip ];
        buildInputs = [ pkgs.stdenv.cc.cc.lib ];
        installPhase = ''
          mkdir -p $out/torch/lib
          cp torch/version.py $out/torch/
          cp -r torch/include $out/torch/
          cp torch/lib/lib{torch,torch_cpu,torch_global_deps,c10}.so torch/lib/libgomp*.so* $out/torch/lib/
        '';
      };
    in
    {
      devShells.${system}.default = pkgs.mkShell {
        # Deno is not among them: ./dev fetches the version it pins through npm.
        packages = [ pkgs.nodejs pkgs.gcc pkgs.ffmpeg ];
        WANTUNE_LIBTORCH = "${libtorch}/torch/lib";
      };
    };
}
